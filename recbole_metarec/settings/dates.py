"""Dates as users write them."""

from __future__ import annotations

from datetime import date, datetime, timezone


def seconds_of(text: str | date) -> float | None:
    """Read a date, perhaps with a time of day.

    Parameters
    ----------
    text : str or date
        As in ``2014-01-01`` or ``2014-01-01 18:30``, in UTC unless it has an offset of its own.

    Returns
    -------
    float, or None
        Seconds since 1970; ``None`` if it is no date.
    """
    try:
        moment = datetime.fromisoformat(str(text).strip())
    except ValueError:
        return None
    return seconds_in_utc(moment)


def seconds_in_utc(moment: datetime) -> float:
    """Return a time as seconds since 1970, in UTC unless it has an offset of its own."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
