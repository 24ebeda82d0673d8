"""What the gate is told: statements, protected sums, and tables as statements."""

import numpy as np
import pytest

from rounds.disclosure.gate.statements import (
    NOTHING_KNOWN,
    Bounds,
    Problem,
    Protected,
    Statement,
    Sums,
    difference,
    exactly,
    published,
)
from rounds.disclosure.gate.tables import Dimension, atoms_of, flat, hierarchy, table
from rounds.errors import DisclosureRefusal

FIRST, BOTH = ((0, 1),), ((0, 1), (1, 1))


@pytest.mark.parametrize(("lower", "upper"), [(-1, None), (3, 2)])
def test_bounds_hold_together(lower: int, upper: int | None) -> None:
    with pytest.raises(ValueError, match="0 <= lower <= upper"):
        Bounds(lower=lower, upper=upper)


@pytest.mark.parametrize(
    ("wide", "close", "holds"),
    [
        (NOTHING_KNOWN, exactly(3), True),
        (Bounds(upper=9), exactly(9), True),
        (Bounds(upper=9), exactly(10), False),
        (Bounds(upper=9), NOTHING_KNOWN, False),
        (Bounds(lower=1), exactly(0), False),
    ],
)
def test_bounds_hold_what_they_leave_possible(wide: Bounds, close: Bounds, holds: bool) -> None:
    assert wide.holds(close) is holds


@pytest.mark.parametrize("terms", [(), ((-1, 1),), ((1, 1), (0, 1)), ((0, 1), (0, 1)), ((0, 0),)])
def test_terms_name_atoms_once_in_order(terms: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match="odd"):
        Statement(name="odd", terms=terms, shown=NOTHING_KNOWN)


def test_withholding_never_tells_more() -> None:
    with pytest.raises(ValueError, match="must hold the bounds when shown"):
        Statement(name="cell", terms=FIRST, shown=exactly(9), withheld=Bounds(upper=7))
    with pytest.raises(ValueError, match="weight"):
        Statement(name="cell", terms=FIRST, shown=exactly(9), weight=0)


@pytest.mark.parametrize("owed", [(), (-1, 2), (2, 2), (3, 1)])
def test_what_is_owed_ascends(owed: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="ascending"):
        Protected(name="cell", terms=FIRST, owed=owed)


def test_a_problem_names_its_own_atoms_and_each_name_once() -> None:
    one = Statement(name="cell", terms=BOTH, shown=NOTHING_KNOWN)
    with pytest.raises(ValueError, match="same name"):
        Problem(atoms=2, statements=(one, one), protected=())
    with pytest.raises(ValueError, match="not one of 1"):
        Problem(atoms=1, statements=(one,), protected=())


def test_differences_are_of_nested_sums() -> None:
    assert difference(BOTH, FIRST) == ((1, 1),)
    assert difference(((0, 2),), FIRST) == FIRST
    assert difference(FIRST, BOTH) is None
    assert difference(FIRST, FIRST) is None


def test_only_what_has_not_left_can_be_withheld() -> None:
    fixed = Statement(name="fixed", terms=FIRST, shown=exactly(9))
    new = Statement(name="new", terms=BOTH, shown=exactly(12), withheld=Bounds(upper=50))
    problem = Problem(atoms=2, statements=(fixed, new), protected=())
    assert published(problem, ()) == (exactly(9), exactly(12))
    assert published(problem, ("new",)) == (exactly(9), Bounds(upper=50))
    for name in ("fixed", "absent"):
        with pytest.raises(DisclosureRefusal, match=f"{name} cannot be withheld"):
            published(problem, (name,))


def test_sums_are_whole_numbers() -> None:
    numbers = np.array([2, 5], dtype=np.int64)
    assert Sums([FIRST, ((0, 3), (1, 1))]).of(numbers).tolist() == [2, 11]
    assert Sums([]).of(numbers).tolist() == []


def test_a_table_has_every_margin_of_its_codes() -> None:
    places = hierarchy("place", {"a": "north", "b": "north", "c": "south"})
    made = table("t", [flat("sex", ["f", "m"]), places])
    assert len(made.cells) == 3 * 6
    assert made.cells["f", "north"] == ((0, 1), (1, 1))
    assert made.cells["all", "all"] == tuple((atom, 1) for atom in range(6))
    assert made.label(("f", "north")) == "t[f, north]"


def test_linked_tables_share_atoms() -> None:
    sexes, ages, wards = flat("sex", ["f", "m"]), flat("age", ["young", "old"]), flat("ward", ["x", "y"])
    everything = [sexes, ages, wards]
    one, other = table("one", [sexes, ages], over=everything), table("other", [wards, sexes], over=everything)
    assert one.cells["f", "all"] == other.cells["all", "f"]
    atoms = atoms_of(everything)
    assert one.cells["m", "old"] == tuple((atoms["m", "old", ward], 1) for ward in ("x", "y"))
    with pytest.raises(ValueError, match="year is not a dimension"):
        table("third", [flat("year", ["2024"])], over=everything)


@pytest.mark.parametrize(
    ("leaves", "groups"),
    [
        ((), ()),
        (("a", "a"), ()),
        (("a", "all"), (("all", ("a",)),)),
        (("a",), (("some", ()),)),
        (("a",), (("some", ("b",)),)),
    ],
)
def test_codes_of_a_dimension_make_sense(
    leaves: tuple[str, ...], groups: tuple[tuple[str, tuple[str, ...]], ...]
) -> None:
    with pytest.raises(ValueError, match="side"):
        Dimension(name="side", leaves=leaves, groups=groups)
