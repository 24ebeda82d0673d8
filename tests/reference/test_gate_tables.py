"""The gate on third-party tables and on families of linked ones: nothing narrower than the rule, little withheld.

`benchmarks/disclosure.py` compares on all of them; here are those that take a second or less.
"""

import sys
from pathlib import Path

import pytest

from rounds.disclosure.gate.attack import attack
from rounds.disclosure.gate.audit import certificate_problem
from rounds.disclosure.gate.certify import certify
from rounds.disclosure.gate.solver import Effort
from rounds.disclosure.gate.statements import exactly

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import disclosure_rivals
import disclosure_tables
from disclosure_tables import SMALL, Case

HELD_AGAINST = (
    (
        "What an attacker can work out of released tables",
        "exact worlds of third-party tables",
        "no interval narrower than the rule",
    ),
)

OUTSIDE = {case.name: case for case in disclosure_tables.third_party()}
MADE_UP = {case.name: case for case in disclosure_tables.families()}
QUICK = ("z1", "microdata1", "microdata2, linked", "census, relation by sex", "census, roof by walls")
LITTLE = Effort(rounds=3, master_steps=500)

outside = pytest.mark.skipif(not OUTSIDE, reason="the data set sdc_tables is not beside the checkout")


def _hold(case: Case) -> int:
    """Certify a case, check the proof apart from the gate, and return how many cells it withholds in addition."""
    problem = disclosure_rivals.ours(case)
    certified = certify(problem, effort=LITTLE)
    assert not certified.audit.narrow
    assert not any(one.recovered for one in certified.audit.findings)
    assert certificate_problem(problem, certified.withheld, certified.audit.certificate) is None
    for one in certified.audit.findings:
        assert one.lower <= 1
        assert one.upper is None or one.upper >= 8
    return certified.weight


@outside
@pytest.mark.parametrize("name", QUICK)
def test_no_interval_is_narrower_than_the_rule_on_third_party_tables(name: str) -> None:
    assert _hold(OUTSIDE[name]) <= len(OUTSIDE[name].cells())


@pytest.mark.parametrize("name", list(MADE_UP))
def test_no_interval_is_narrower_than_the_rule_on_linked_tables(name: str) -> None:
    assert _hold(MADE_UP[name]) > 0


@outside
@pytest.mark.parametrize(
    ("name", "cells", "total"), [("z1", 32, 596), ("microdata1", 8, 100), ("z3, two-way", 144, 2122)]
)
def test_tables_are_read_whole(name: str, cells: int, total: int) -> None:
    """As many people in all as the file has, so that figures on these tables are about these tables."""
    case = OUTSIDE[name]
    assert len(case.truth) == cells
    assert case.truth.sum() == total
    assert max(case.values(list(case.cells()))) == total


@outside
def test_blanking_small_cells_beside_true_margins_gives_them_away() -> None:
    """The finding that the gate is there for: in z1 every blanked cell comes back closer than its label says."""
    case = OUTSIDE["z1"]
    audit = attack(disclosure_rivals.displayed(case, "naive", disclosure_rivals.naive_bounds))
    assert len(audit.findings) == sum(value in SMALL for value in case.values(list(case.cells())))
    assert sum(one.recovered for one in audit.findings) >= 2
    for one, finding in zip(
        case.values([p.terms for p in disclosure_rivals.ours(case).protected]), audit.findings, strict=True
    ):
        assert finding.lower <= one
        assert finding.upper is not None
        assert one <= finding.upper


@outside
def test_no_more_is_withheld_than_by_gaussian_elimination_with_an_audit() -> None:
    """At most 95 % over these tables; the number is of our own implementation of the published algorithm."""
    ours = others = 0
    for name in ("z1", "census, relation by sex", "microdata1"):
        case = OUTSIDE[name]
        small = sum(value in SMALL for value in case.values(list(case.cells())))
        other, holds = disclosure_rivals.gauss(case)
        assert holds
        ours, others = ours + small + _hold(case), others + other
    assert ours <= others


def test_the_audit_of_what_is_shown_exactly_finds_nothing_to_protect() -> None:
    case = MADE_UP["two-way"]
    problem = disclosure_rivals.displayed(case, "open", exactly)
    assert all(one.recovered for one in attack(problem).findings)
