"""Tables of numbers of people, flat and hierarchical, with all their margins, as statements about their inner cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from rounds.disclosure.gate.statements import Terms

TOTAL = "all"
"""The code of everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """The codes of one side of a table: leaves, and groups of leaves that are published too."""

    name: str
    leaves: tuple[str, ...]
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(code, leaves in it). The group of all leaves is the margin."""

    def __post_init__(self) -> None:
        codes = [*self.leaves, *(code for code, _ in self.groups)]
        if not self.leaves or len(set(codes)) < len(codes):
            raise ValueError(f"{self.name}: codes must differ, and there must be some")
        if any(not group or not set(group) <= set(self.leaves) for _, group in self.groups):
            raise ValueError(f"{self.name}: a group holds leaves of its own dimension, at least one")

    def codes(self) -> dict[str, tuple[str, ...]]:
        """Return each code with its leaves."""
        return {**{leaf: (leaf,) for leaf in self.leaves}, **dict(self.groups)}


def flat(name: str, leaves: Sequence[str]) -> Dimension:
    """Return a dimension with its total.

    >>> flat("sex", ["f", "m"]).codes()
    {'f': ('f',), 'm': ('m',), 'all': ('f', 'm')}
    """
    return Dimension(name=name, leaves=tuple(leaves), groups=((TOTAL, tuple(leaves)),))


def hierarchy(name: str, parents: Mapping[str, str]) -> Dimension:
    """Return a dimension with a code for each parent and the total. Args: parents: leaf to the code above it."""
    above: dict[str, list[str]] = {}
    for leaf, parent in parents.items():
        above.setdefault(parent, []).append(leaf)
    groups = [(code, tuple(leaves)) for code, leaves in above.items()]
    return Dimension(name=name, leaves=tuple(parents), groups=(*groups, (TOTAL, tuple(parents))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Which sums of atoms a table publishes, by the codes of its cells."""

    name: str
    cells: Mapping[tuple[str, ...], Terms]

    def label(self, codes: tuple[str, ...]) -> str:
        """Return the name of a cell as a statement."""
        return f"{self.name}[{', '.join(codes)}]"


def atoms_of(dimensions: Sequence[Dimension]) -> dict[tuple[str, ...], int]:
    """Return the number of each atom: a combination of leaves, one of each dimension."""
    return {leaves: number for number, leaves in enumerate(product(*(one.leaves for one in dimensions)))}


def table(name: str, dimensions: Sequence[Dimension], *, over: Sequence[Dimension] | None = None) -> Table:
    """Return a table with all its margins.

    Args:
        name: of the table; names of linked tables differ.
        dimensions: the sides of the table.
        over: all dimensions that atoms are made of, if the table has not all of them as sides; linked tables share
            these. A side that has other groups than the dimension of the same name has the same leaves.

    Raises:
        ValueError: if a side is not among the dimensions that atoms are made of.
    """
    everything = list(dimensions) if over is None else list(over)
    atoms = atoms_of(everything)
    sides = {one.name: one for one in dimensions}
    unknown = sorted(set(sides) - {one.name for one in everything})
    if unknown:
        raise ValueError(f"{name}: {unknown[0]} is not a dimension that atoms are made of")
    inside = [sides[one.name].codes() if one.name in sides else {TOTAL: one.leaves} for one in everything]
    place = {one.name: number for number, one in enumerate(everything)}
    cells: dict[tuple[str, ...], Terms] = {}
    for codes in product(*inside):
        leaves = product(*(codes_of[code] for codes_of, code in zip(inside, codes, strict=True)))
        terms = tuple(sorted((atoms[one], 1) for one in leaves))
        cells[tuple(codes[place[one.name]] for one in dimensions)] = terms
    return Table(name=name, cells=cells)
