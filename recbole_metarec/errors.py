"""The one error that stands for a user's mistake."""

from __future__ import annotations

from collections.abc import Iterable


class UserError(ValueError):
    """Input that the user has to correct: every problem found, one line each.

    Parameters
    ----------
    problems : iterable of str
        One line for each problem, saying what is wrong and what to write instead.

    Attributes
    ----------
    problems : tuple of str
        The same lines.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[UserError], tuple[tuple[str, ...]]]:
        return type(self), (self.problems,)
