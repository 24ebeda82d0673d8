"""What is said of how fully an innovation is used: where that has fallen, where it is low, and where nobody knows."""

from collections.abc import Callable, Sequence
from typing import Final

from rounds.learning.spread.fidelity import RULE, Fallen, FidelityWatch
from rounds.network.members import Membership
from rounds.reports.content.wording import listing, plural

_MOST: Final = 5


def fidelity_words(watch: FidelityWatch, membership: Membership) -> tuple[str, ...]:
    """Return how fully members use it in sentences, unknown kept apart from low; nothing where nobody uses it."""
    return words_of(watch, membership.name_of)


def words_of(watch: FidelityWatch, name_of: Callable[[str], str]) -> tuple[str, ...]:
    """Return the same of members whose names a function gives."""
    if not watch.users:
        return ()
    if len(watch.unknown) == watch.users:
        return (
            f"How fully it is used is not known of any of the {plural(watch.users, 'member')} that use it: nobody has "
            "recorded it. That is not the same as low use.",
        )
    found = [
        f"{name_of(one.member)} uses it less fully than it did: {one.before.fidelity} in {one.before.day:%B %Y}, "
        f"{one.now.fidelity} in {one.now.day:%B %Y}{_doubt(one)}. It still counts as using it; ask what changed."
        for one in watch.fallen[:_MOST]
    ]
    if len(watch.fallen) > _MOST:
        found.append(f"Less fully than it did, too: {_named([one.member for one in watch.fallen[_MOST:]], name_of)}.")
    if not watch.fallen:
        found.append(
            f"None of {plural(len(watch.held), 'member')} that can be compared with before uses it less fully than it "
            "did."
            if watch.held
            else "Whether anybody uses it less fully than before cannot be told: nobody has two readings of one thing."
        )
    if watch.low:
        found.append(f"Low, and not known to have been better: {_named(watch.low, name_of)}.")
    hidden = [
        part
        for part in (
            f"never recorded at {_named(watch.unknown, name_of)}" if watch.unknown else "",
            f"last recorded more than a year ago at {_named(watch.out_of_date, name_of)}" if watch.out_of_date else "",
        )
        if part
    ]
    if hidden:
        told = watch.users - len(watch.unknown) - len(watch.out_of_date)
        found.append(
            f"How fully it is used is known of {told} of {watch.users}; {'; '.join(hidden)}. Unknown is not low."
        )
    if watch.read_once:
        found.append(
            "Recorded once only, or as a share of something else before, so that no change can be told: "
            f"{_named(watch.read_once, name_of)}."
        )
    return (*found, RULE)


def _named(codes: Sequence[str], name_of: Callable[[str], str]) -> str:
    return listing([name_of(code) for code in codes])


def _doubt(one: Fallen) -> str:
    return "" if one.proven else ", of so few that chance alone could do it"
