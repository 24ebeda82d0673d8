"""What is said of members that began with an innovation and stopped: when, and the reason they gave."""

from collections.abc import Sequence

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
    since = "" if one.since is None else f" from {one.since.day} {one.since:%B %Y}"
    had = "" if one.had is None else f" ({one.had.replace('_', ' ')}{since})"
    why = f", saying \u201c{one.reason}\u201d" if one.reason else ", and gave no reason"
    return f"on {one.day.day} {one.day:%B %Y}{had}{why}"
