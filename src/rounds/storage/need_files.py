"""What a round's file says of need and use: two of its measures, of the same people."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rounds.errors import DefinitionError
from rounds.storage.library import Library
from rounds.storage.suggestions import nearest
from rounds.storage.yaml_files import Definition


class NeedFile(Definition):
    """`needs: [{need: heart-failure-diagnosed, use: heart-failure-treated}]`."""

    need: str
    use: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedAndUse:
    """Two measures of the same people: who needs something, and who has it."""

    need: str
    use: str


def need_and_use(path: Path, asked: NeedFile, versions: Mapping[str, int], library: Library) -> NeedAndUse:
    """Return a need and what meets it, both proportions of people that can be the same.

    Args:
        path: of the round's file, to name it.
        asked: what it says.
        versions: of the measures that the round asks for in the site lane.
        library: which holds them.

    Raises:
        DefinitionError: if one is not asked for, or they cannot be of the same people.
    """
    name = f"{path}: needs: {asked.need} and {asked.use}"
    for one in (asked.need, asked.use):
        if one not in versions:
            raise DefinitionError(
                f"{name}: the round does not ask for `{one}` in the site lane{nearest(one, list(versions))}"
            )
    need, use = (library.measure(one, versions[one]) for one in (asked.need, asked.use))
    if need.id == use.id:
        raise DefinitionError(f"{name}: need and use are one measure; name two")
    for what, same in (
        ("what they are of", need.kind is use.kind and need.kind.is_proportion and need.unit == use.unit),
        ("their periods", (need.grain, need.span) == (use.grain, use.span)),
    ):
        if not same:
            raise DefinitionError(
                f"{name}: they differ in {what}; need less use is told of two proportions of the same people over the "
                "same periods"
            )
    return NeedAndUse(need=need.id, use=use.id)
