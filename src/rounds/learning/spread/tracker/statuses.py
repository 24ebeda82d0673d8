"""What a word in a column of statuses says: a stage, nothing yet, or something that nobody has said the meaning of."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from rounds.learning.spread.adoption import Stage


class NoStage(StrEnum):
    """What a status says that is no stage."""

    NOTHING = "nothing"
    """not begun, declined, not known"""
    UNREAD = "unread"
    """words without a stated meaning"""


Said = Stage | NoStage
_WORDS: Final[Mapping[Stage, tuple[str, ...]]] = {
    Stage.AWARE: (
        "aware", "contacted", "engaged", "engaging", "interested", "expression of interest",
        "expressed interest", "eoi", "introduced", "scoping", "exploring", "in discussion", "discussions",
    ),
    Stage.PLANNED: ("planned", "planning", "committed", "signed up", "agreed", "scheduled", "approved", "confirmed"),
    Stage.IN_PROGRESS: (
        "in progress", "implementing", "implementation", "underway", "under way", "started", "pilot",
        "piloting", "training", "onboarding", "mobilising", "mobilisation", "setting up", "set up", "in train",
        "in implementation",
    ),
    Stage.LIVE: (
        "live", "gone live", "implemented", "adopted", "launched", "active", "using", "in use",
        "up and running", "complete",
        "completed", "rolled out",
    ),
    Stage.EMBEDDED: ("embedded", "sustained", "sustaining", "bau", "business as usual", "fully embedded"),
    Stage.STOPPED: (
        "stopped", "withdrawn", "withdrew", "discontinued", "ceased", "decommissioned", "no longer using",
        "dropped out",
        "no longer", "ended",
    ),
}  # fmt: skip
_NOTHING: Final = frozenset(
    {
        "not started", "not yet started", "not engaged", "no contact", "none", "no", "n/a", "na", "tbc", "tbd",
        "not adopted", "not live", "not planned", "not applicable",
        "unknown", "not known", "?", "-", "–", "not yet", "no response", "out of scope", "ineligible",
    }
)  # fmt: skip
DECLINED: Final = frozenset({"declined", "not interested", "no plans", "decided against", "opted out"})
"""Who says no knows of it: such an organisation is aware, and its reason is worth keeping."""
_DENIED: Final = re.compile(r"\b(not|no|never|yet to|awaiting|except)\b")
_STAGE_OF: Final = {word: stage for stage, words in _WORDS.items() for word in words}
_LONGEST_FIRST: Final = sorted(_STAGE_OF, key=len, reverse=True)


def read_status(text: str, said: Mapping[str, Stage | None] | None = None) -> Said:
    """Return the stage that a status names.

    Args:
        text: as written: "3 - Live", "In progress (2 wards)", "Not started".
        said: what somebody has said of words, by word in small letters; None of those that say no stage.

    >>> read_status("3. Gone live"), read_status("not live"), read_status("on hold")
    (<Stage.LIVE: 'live'>, <NoStage.NOTHING: 'nothing'>, <NoStage.UNREAD: 'unread'>)
    """
    whole = " ".join(text.lower().split()).strip(" .;:")
    if said and whole in said:
        return said[whole] or NoStage.NOTHING
    plain = re.sub(r"\(.*?\)|\[.*?\]", " ", whole)
    plain = " ".join(re.sub(r"^(?:stage|phase)? ?\d ?[-.:)–]? ?", "", plain.strip()).split()).strip(" .;:-")
    if said and plain in said:
        return said[plain] or NoStage.NOTHING
    plain = plain.replace("_", " ")
    if plain in DECLINED:
        return Stage.AWARE
    if plain in _NOTHING or not plain:
        return NoStage.NOTHING
    if plain in _STAGE_OF:
        return _STAGE_OF[plain]
    if _DENIED.search(plain):
        return NoStage.UNREAD
    found: set[Stage] = set()
    rest = plain
    for word in _LONGEST_FIRST:
        if re.search(rf"\b{re.escape(word)}\b", rest):
            found.add(_STAGE_OF[word])
            rest = re.sub(rf"\b{re.escape(word)}\b", " ", rest)
    # What remains may turn the meaning round: "live - paused".
    left = set(re.findall(r"[a-z]+", rest)) - {
        "and",
        "fully",
        "now",
        "site",
        "the",
        "is",
        "at",
        "all",
        "in",
        "wards",
        "since",
    }
    return found.pop() if len(found) == 1 and not left else NoStage.UNREAD
