"""How the lines of a file were read: which were left out, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from recbole_metarec.errors import UserError

N_EXAMPLES = 3


@dataclass
class LineReport:
    """How the lines of a file were read.

    Attributes
    ----------
    lines : int
        Lines that are not blank, a header not counted.
    bad : Counter of str
        Lines left out, by reason.
    examples : list of str
        The first few of them.
    """

    lines: int = 0
    bad: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def add_bad(self, number: int, reason: str, line: bytes) -> None:
        """Count a bad line.

        Parameters
        ----------
        number : int
            Its number in the file, from 1.
        reason : str
            What is wrong.
        line : bytes
            The line.
        """
        self.bad[reason] += 1
        if len(self.examples) < N_EXAMPLES:
            self.examples.append(f"line {number}: {reason}: {line[:60].decode('utf-8', 'replace')!r}")

    def check(self, path: Path, max_bad: float) -> None:
        """Stop at too many bad lines.

        Parameters
        ----------
        path : Path
            The file.
        max_bad : float
            Largest share of bad lines, from 0 to 1.

        Raises
        ------
        UserError
            If there are more: how many, why, and the first of them.
        """
        n_bad = self.bad.total()
        if n_bad > max_bad * self.lines:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.bad.most_common())
            share = f"{n_bad:,} of {self.lines:,} lines ({n_bad / self.lines:.2%}) are bad"
            advice = f"repair the file or allow them with --max_bad={round_up(n_bad / self.lines)}"
            raise UserError([f"{path}: {share}: {reasons}; {advice}", *(f"{path}: {text}" for text in self.examples)])


def round_up(share: float) -> float:
    """Return a round share that is no less."""
    return next(step for step in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if step >= share)
