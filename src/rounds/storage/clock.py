"""A clock that was set back must not bring back what has ended: days go forward in a party's audit log, or stop."""

from datetime import date
from pathlib import Path

from rounds.errors import DisclosureRefusal
from rounds.storage.audit_log import reading_log


def refuse_clock_set_back(log: Path, *, today: date) -> None:
    """Raise if today is before the latest day that a party's audit log knows of.

    Args:
        log: the party's audit log; an absent one knows of no day.
        today: what the clock, or whoever runs this, says.

    Raises:
        DisclosureRefusal: if the clock was set back.
        RoundsError: if the log's file is damaged.
    """
    with reading_log(log) as connection:
        (latest,) = connection.execute("SELECT max(day) FROM log_entries").fetchone()
    if latest is not None and today < date.fromisoformat(latest):
        raise DisclosureRefusal(
            f"{log}: the clock was set back: today is said to be {today}, but something was logged on {latest}; "
            "put the clock right. Nothing was done"
        )
