"""How a table is read, and which of its rows stay."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from annotated_types import Ge, Le

from recbole_metarec.datasets.changes import read_changes
from recbole_metarec.datasets.rules import Dedup
from recbole_metarec.errors import UserError
from recbole_metarec.settings.base import Settings, option
from recbole_metarec.settings.kinds import Is, Share

Number = Annotated[int, Ge(0), Le(2**31)]
Zone = Annotated[
    str, Is("a time zone such as Europe/Berlin or UTC", lambda value: value == "UTC" or value in available_timezones())
]


class Options(Settings):
    """How times are read, and filters, in the order in which they are applied."""

    group = "Options"

    zone: Zone = option("UTC", "Time zone of times that name none, as Europe/Berlin.")
    day_first: bool | None = option(
        None, "Whether 03/04/2024 is the third of April. ~ tells by days beyond 12, and asks where there are none."
    )
    time_unit: Literal["auto", "s", "ms", "us", "ns", "none"] = option(
        "auto", "What times that are numbers count since 1970; auto tells by their size. none: only what came first."
    )
    max_bad: Share = option(0.0, "Largest share of rows that may be left out because they cannot be read.")
    dedup: Dedup = option("exact", "Which of repeated interactions stay; exact: same user, item, rating and time.")
    user_core: Number = option(0, "Least interactions of a user; 0 sets no limit.")
    item_core: Number = option(0, "Least interactions of an item, likewise; --core sets both.")


CORE = {"core": ("user_core", "item_core")}
OPTION_NAMES = (*Options.model_fields, *CORE)


def make_options(**changes: Any) -> Options:
    """Change some of the defaults.

    Parameters
    ----------
    **changes
        Fields of `Options`; ``core`` stands for ``user_core`` and ``item_core``. Texts are read as the field's type.

    Returns
    -------
    Options

    Raises
    ------
    UserError
        If a name or a value is none: all of them.
    """
    values, problems = read_changes(Options, changes, CORE)
    if problems:
        raise UserError(problems)
    return Options(**values)
