"""What is said of members that began with an innovation and stopped: when, and the reason they gave."""

from collections.abc import Sequence
from datetime import date

from rounds.learning.spread.coverage import Stopped
from rounds.network.members import Membership


def stopped_words(stopped: Sequence[Stopped], membership: Membership) -> list[str]:
    """Return who stopped in sentences, apart from those that never began; nothing if nobody did."""
    if not stopped:
        return []
    told = "; ".join(f"{membership.name_of(one.member)} {_story(one)}" for one in stopped)
    return [
        f"Stopped, and so not among those to win over for the first time: {told}. Whether one begins again is a "
        "question of its own: ask first whether its reason still holds."
    ]


def _story(one: Stopped) -> str:
    since = "" if one.since is None else f" from {_day(one.since)}"
    had = "" if one.had is None else f" ({one.had.replace('_', ' ')}{since})"
    why = f", saying \u201c{one.reason}\u201d" if one.reason else ", and gave no reason"
    when = f"on {_day(one.day)}" if one.earliest is None else f"between {_day(one.earliest)} and {_day(one.day)}"
    return f"{when}{had}{why}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
