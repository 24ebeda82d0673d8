"""What a column's name says of what it holds."""

import re


def rank(name: str, hints: tuple[str, ...]) -> int | None:
    """Return the place of the first hint that a name says; None if it says none."""
    said_words = words(name)
    joined = "_".join(said_words)
    said = {*said_words, *(word.removesuffix("s") for word in said_words), joined}
    places = [
        at
        for at, hint in enumerate(hints)
        if hint in said or hint.rstrip("s") in said or (len(hint) > 4 and hint in joined)
    ]
    return min(places, default=None)


def order(name: str, hints: tuple[str, ...]) -> int:
    """Return the place of the first hint that a name says, after all hints if it says none."""
    place = rank(name, hints)
    return len(hints) if place is None else place


def best(names: list[str], hints: tuple[str, ...]) -> str | None:
    """Return the name that says the earliest hint, the first of several."""
    known = [name for name in names if rank(name, hints) is not None]
    return min(known, key=lambda name: (order(name, hints), names.index(name)), default=None)


def words(name: str) -> list[str]:
    """Return the words of a name, in small letters: of "airOrOxygen" air, or and oxygen."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
    return [word for word in re.split(r"[^a-z0-9]+", spaced) if word]
