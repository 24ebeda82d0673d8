"""The tables on which disclosure control is compared: third-party ones, and families made up here."""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rounds.disclosure.gate.statements import Sums, Terms, Whole, difference
from rounds.disclosure.gate.tables import TOTAL, Dimension, Table, atoms_of, flat, hierarchy, table

THIRD_PARTY = Path(__file__).resolve().parents[2] / "shared" / "data" / "sdc_tables"
SMALL = range(1, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Linked tables of the same people."""

    name: str
    tables: tuple[Table, ...]
    truth: Whole
    """People in each atom."""
    nested: bool = False
    """Whether differences of nested cells are protected too."""

    def cells(self) -> dict[Terms, str]:
        """Return every sum that is published, once, with its name."""
        found: dict[Terms, str] = {}
        for one in self.tables:
            for codes, terms in one.cells.items():
                found.setdefault(terms, one.label(codes))
        return found

    def values(self, sums: Sequence[Terms]) -> list[int]:
        return [int(value) for value in Sums(sums).of(self.truth)]

    def differences(self) -> dict[Terms, str]:
        """Return small differences of nested cells of the same case, if they are protected and not cells themselves."""
        cells = self.cells()
        found: dict[Terms, str] = {}
        if self.nested:
            for larger, name in cells.items():
                for smaller, other in cells.items():
                    left = difference(larger, smaller) if larger != smaller else None
                    if left is not None and left not in cells and self.values([left])[0] in SMALL:
                        found.setdefault(left, f"{name} - {other}")
        return found


def third_party(folder: Path = THIRD_PARTY) -> tuple[Case, ...]:
    """Return the cases made of third-party tables; none if these are not there."""
    if not folder.is_dir():
        return ()
    z1 = _rows(folder / "z1.csv")
    z2 = _rows(folder / "z2.csv")
    z3 = _rows(folder / "z3.csv")
    small1, small2 = _rows(folder / "microdata1.csv"), _rows(folder / "microdata2.csv")
    people = _rows(folder / "cellkey_testdata.csv")
    regions = {
        number.strip(): group
        for group, numbers in _tau_regions(folder / "tauargus" / "tableinput")
        for number in numbers
    }
    sizes = [
        line.split(";") for line in (folder / "tauargus" / "tableinput" / "pp.tab").read_text().splitlines() if line
    ]
    enterprises = [
        {"size": row[0].strip('" '), "region": row[1].strip('" '), "n": row[3]}
        for row in sizes
        if row[0].strip('" ') != "Total" and row[1].strip('" ') in regions
    ]
    return (
        _case("z1", z1, "ant", [_flat(z1, "region"), _flat(z1, "hovedint")]),
        _case("z2", z2, "ant", [_grouped(z2, "region", "fylke", "kostragr"), _flat(z2, "hovedint")]),
        _case("z3, two-way", z3, "ant", [_grouped(z3, "region", "fylke", "kostragr"), _flat(z3, "hovedint")]),
        _case("z3, by month", z3, "ant", [_grouped(z3, "fylke"), _flat(z3, "hovedint"), _grouped(z3, "mnd", "mnd2")]),
        _case("microdata1", small1, None, [_flat(small1, "region"), _flat(small1, "gender")]),
        _linked(
            "microdata2, linked",
            small2,
            [_flat(small2, "region"), _flat(small2, "gender"), _eco(small2, "ecoOld")],
            shown=[("region", "ecoOld"), ("gender", "ecoOld"), ("region", "gender")],
        ),
        _case("census, relation by sex", people, None, [_flat(people, "relat"), _flat(people, "sex")]),
        _case("census, roof by walls", people, None, [_flat(people, "roof"), _flat(people, "walls")]),
        _case(
            "census, three-way", people, None, [_flat(people, "roof"), _flat(people, "water"), _flat(people, "urbrur")]
        ),
        _case(
            "enterprises",
            enterprises,
            "n",
            [_flat(enterprises, "size"), hierarchy("region", {one: regions[one] for one in sorted(regions)})],
        ),
    )


def large(folder: Path = THIRD_PARTY) -> tuple[Case, ...]:
    """Return a third-party table of which every other cell is small, if it is there."""
    if not folder.is_dir():
        return ()
    z3 = _rows(folder / "z3.csv")
    sides = [_grouped(z3, "region", "fylke", "kostragr"), _flat(z3, "hovedint"), _grouped(z3, "mnd", "mnd2")]
    return (_case("z3, whole", z3, "ant", sides),)


def families(seed: int = 1, *, mean: float = 30.0) -> tuple[Case, ...]:
    """Return made-up cases: counts are drawn from a Poisson law whose mean is drawn from an exponential one."""
    rng = np.random.default_rng(seed)

    def drawn(dimensions: Sequence[Dimension]) -> Whole:
        size = len(atoms_of(dimensions))
        return rng.poisson(rng.exponential(mean, size)).astype(np.int64)

    ages, areas = flat("age", [f"{age}+" for age in range(0, 90, 10)]), flat("area", [f"area {n}" for n in range(10)])
    sexes, wards = flat("sex", ["f", "m"]), flat("ward", [f"ward {n}" for n in range(4)])
    months = Dimension(name="month", leaves=tuple(f"{month:02}" for month in range(1, 13)), groups=_to_date(12))
    bands = flat("band", ["young", "middle", "old"])
    cohorts = Dimension(
        name="cohort",
        leaves=("only C", "B not C", "A not B"),
        groups=(("B", ("only C", "B not C")), ("A", ("only C", "B not C", "A not B"))),
    )
    two, three = [ages, areas], [flat("age", ages.leaves[:4]), wards, bands]
    linked = [flat("age", ages.leaves[:5]), sexes, wards]
    periods, nested = [months, bands], [cohorts, flat("age", ages.leaves[:6]), sexes]
    only_nested = _without(table("cohorts", nested), {"B not C", "A not B"})
    to_date = _without(table("periods", periods), set(months.leaves[1:]))
    return (
        Case(name="two-way", tables=(table("two", two),), truth=drawn(two)),
        Case(name="three-way", tables=(table("three", three),), truth=drawn(three)),
        Case(
            name="linked by a margin",
            tables=(table("by sex", linked[:2], over=linked), table("by ward", linked[::2], over=linked)),
            truth=drawn(linked),
        ),
        Case(name="overlapping periods", tables=(to_date,), truth=drawn(periods), nested=True),
        Case(name="nested cohorts", tables=(only_nested,), truth=drawn(nested), nested=True),
    )


def _to_date(months: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return groups of months: each year to date of two months or more."""
    names = [f"{month:02}" for month in range(1, months + 1)]
    return tuple((f"01-{names[last]}", tuple(names[: last + 1])) for last in range(1, months))


def _without(one: Table, hidden: set[str]) -> Table:
    """Return a table that does not publish some codes."""
    return Table(name=one.name, cells={codes: terms for codes, terms in one.cells.items() if not hidden & set(codes)})


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _leaves(rows: Iterable[dict[str, str]], name: str) -> list[str]:
    return sorted({row[name] for row in rows})


def _flat(rows: list[dict[str, str]], name: str) -> Dimension:
    return flat(name, _leaves(rows, name))


def _grouped(rows: list[dict[str, str]], name: str, *by: str) -> Dimension:
    """Return a dimension with groups of other columns, which may overlap each other, and the total."""
    groups: dict[str, tuple[str, ...]] = {}
    for column in by:
        for code in _leaves(rows, column):
            inside = tuple(sorted({row[name] for row in rows if row[column] == code}))
            if inside not in groups.values() and len(inside) > 1:
                groups[f"{column} {code}"] = inside
    leaves = tuple(_leaves(rows, name))
    return Dimension(name=name, leaves=leaves, groups=(*groups.items(), (TOTAL, leaves)))


def _eco(rows: list[dict[str, str]], name: str) -> Dimension:
    return hierarchy(name, {leaf: leaf[0] for leaf in _leaves(rows, name)})


def _truth(rows: list[dict[str, str]], number: str | None, dimensions: Sequence[Dimension]) -> Whole:
    counted: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        counted[tuple(row[one.name] for one in dimensions)] += int(row[number]) if number else 1
    return np.array([counted[leaves] for leaves in atoms_of(dimensions)], dtype=np.int64)


def _case(name: str, rows: list[dict[str, str]], number: str | None, dimensions: Sequence[Dimension]) -> Case:
    return Case(name=name, tables=(table(name, dimensions),), truth=_truth(rows, number, dimensions))


def _linked(
    name: str, rows: list[dict[str, str]], dimensions: Sequence[Dimension], *, shown: Sequence[tuple[str, ...]]
) -> Case:
    by_name = {one.name: one for one in dimensions}
    tables = tuple(table(" by ".join(sides), [by_name[side] for side in sides], over=dimensions) for sides in shown)
    return Case(name=name, tables=tables, truth=_truth(rows, None, dimensions))


def _tau_regions(folder: Path) -> list[tuple[str, list[str]]]:
    groups: list[tuple[str, list[str]]] = []
    for line in (folder / "region2.hrc").read_text().splitlines():
        if line.startswith("@"):
            groups[-1][1].append(line[1:].strip())
        elif line.strip():
            groups.append((line.strip(), []))
    return groups
