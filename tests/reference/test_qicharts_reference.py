"""Run, I, MR, I', P, U, C, U', G, Xbar and S charts against qicharts2 0.8.1, and Anhøj's critical values."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from spc_oracles import CASES, numbers, options, table

from rounds.learning.variation.over_time.attributes import c_chart, counts_alone, p_chart, u_chart
from rounds.learning.variation.over_time.chart import Chart
from rounds.learning.variation.over_time.counted import Counted
from rounds.learning.variation.over_time.drawing import Reading
from rounds.learning.variation.over_time.individuals import i_chart, i_prime_chart, mr_chart, run_chart
from rounds.learning.variation.over_time.rare_events import g_chart
from rounds.learning.variation.over_time.rebasing import Basis, Rebase
from rounds.learning.variation.over_time.rule_sets import Rule, RuleSet
from rounds.learning.variation.over_time.runs import critical_values
from rounds.learning.variation.over_time.subgroups import Subgroups, s_chart, xbar_chart

HELD_AGAINST = (
    ("Run, I, MR, I', P, U, C, U', G, Xbar, S charts and Anhøj's rules", "qicharts2 0.8.1", "1e-9; runs exact"),
    ("Anhøj's critical values, n = 10 to 300", "qicharts2 0.8.1 (Anhøj and Olesen 2014)", "exact"),
)

TOLERANCE = 1e-9
"""Relative, as the cases' META files ask."""
BOTH = (RuleSet.SHEWHART, RuleSet.ANHOEJ)
RUNS = (RuleSet.ANHOEJ,)


def reading(case: str, rules: tuple[RuleSet, ...]) -> Reading:
    """Return how a case's options ask for the chart to be read; its points count from 1, `part` ends one."""
    said = options(case)
    freeze, excluded, part = said.get("freeze"), said.get("exclude"), said.get("part")
    return Reading(
        rule_sets=rules,
        basis=Basis(
            freeze=None if freeze is None else int(str(freeze)),
            exclude=() if excluded is None else (int(str(excluded)) - 1,),
            rebases=() if part is None else (Rebase(since=int(str(part)), reason="the case parts here"),),
        ),
    )


def counts(case: str, events: str, sizes: str, *, proportion: bool) -> Counted:
    given = table(case, "input.csv")
    return Counted.exact(numbers(given, events), numbers(given, sizes), proportion=proportion)


def monthly(case: str) -> pl.DataFrame:
    """Return the case's patients by month: sums of harms and of days, and 20 times as many as there are patients."""
    given = table(case, "input.csv")
    return given.group_by("month", maintain_order=True).agg(pl.col("harms", "days").sum(), sizes=pl.len() * 20)


def of_trigger_tool(case: str) -> Chart:
    found = monthly(case)
    if options(case)["chart"] == "run":
        return run_chart(numbers(found, "harms") / numbers(found, "sizes"), reading(case, RUNS))
    counted = Counted.exact(numbers(found, "harms"), numbers(found, "days"), proportion=False)
    return u_chart(counted, reading(case, BOTH), per=1000)


def of_accidents(case: str) -> Chart:
    given = table(case, "input.csv")
    rates, sizes = numbers(given, "r") / numbers(given, "n"), numbers(given, "n")
    return i_prime_chart(rates, sizes, reading(case, BOTH))


def of_ages(case: str) -> Chart:
    given = table(case, "input.csv")
    groups = Subgroups.of(numbers(given, "age"), given["month"].to_list())
    return (xbar_chart if options(case)["chart"] == "xbar" else s_chart)(groups, reading(case, BOTH))


def _values(case: str, column: str) -> np.ndarray:
    return numbers(table(case, "input.csv"), column)


MADE: dict[str, Callable[[str], Chart]] = {
    "qic_nhs_p": lambda case: p_chart(counts(case, "r", "n", proportion=True), reading(case, BOTH)),
    "qic_nhs_ip": of_accidents,
    "qic_cabg_p_readm": lambda case: p_chart(counts(case, "readm", "n", proportion=True), reading(case, BOTH)),
    "qic_cdi_u": lambda case: u_chart(counts(case, "n", "days", proportion=False), reading(case, BOTH), per=10_000),
    "qic_cdi_up": lambda case: u_chart(
        counts(case, "n", "days", proportion=False), reading(case, BOTH), prime=True, per=10_000
    ),
    "qic_cdi_c_part": lambda case: c_chart(counts_alone(_values(case, "n")), reading(case, BOTH)),
    "qic_cdi_run": lambda case: run_chart(_values(case, "n"), reading(case, RUNS)),
    "qic_cdi_run_freeze": lambda case: run_chart(_values(case, "n"), reading(case, RUNS)),
    "qic_cabg_g": lambda case: g_chart(_values(case, "between"), reading(case, BOTH)),
    "qic_cabg_s": of_ages,
    "qic_cabg_xbar": of_ages,
    "qic_i_rnorm24": lambda case: i_chart(_values(case, "y"), reading(case, BOTH)),
    "qic_i_freeze_exclude": lambda case: i_chart(_values(case, "y"), reading(case, BOTH)),
    "qic_mr_rnorm24": lambda case: mr_chart(_values(case, "y"), reading(case, BOTH)),
    "qic_gtt_u": of_trigger_tool,
    "qic_gtt_p": of_trigger_tool,
}


@pytest.mark.parametrize("case", MADE)
def test_chart(case: str) -> None:
    chart, expected = MADE[case](case), table(case, "expected_points.csv")
    for column, line in (
        ("y", chart.values),
        ("cl", chart.centre_line),
        ("lcl", chart.lower_limits),
        ("ucl", chart.upper_limits),
    ):
        np.testing.assert_allclose(line, numbers(expected, column), rtol=TOLERANCE, atol=1e-15, err_msg=column)
    assert chart.certain(Rule.OUTSIDE).tolist() == expected["sigma.signal"].fill_null(False).to_list()
    assert chart.excluded.tolist() == [not included for included in expected["include"].to_list()]
    assert [part.first for part in chart.parts] == [0, *np.flatnonzero(np.diff(numbers(expected, "part"))) + 1]
    for part in chart.parts:
        row, runs = expected.row(part.first, named=True), part.runs
        assert runs is not None
        assert runs.useful == (row["n.useful"],) * 2
        assert runs.longest_run == (row["longest.run"],) * 2
        assert runs.crossings == (row["n.crossings"],) * 2
        critical = (runs.critical.longest_run, runs.critical.crossings)
        assert critical == (row["longest.run.max"], row["n.crossings.min"])
        assert (runs.long_run[0] or runs.few_crossings[0]) == row["runs.signal"]


def test_every_case_of_the_package_is_here() -> None:
    if CASES.is_dir():
        assert {folder.name for folder in CASES.glob("qic_*")} == set(MADE)


def test_critical_values() -> None:
    for row in table("anhoej_critical_values", "expected.csv").iter_rows(named=True):
        found = critical_values(row["n_useful"])
        assert (found.longest_run, found.crossings) == (row["longest_run_max"], row["n_crossings_min"])


def test_critical_values_never_fall() -> None:
    """Bounds on the runs of withheld points lean on it."""
    found = [critical_values(useful) for useful in range(120)]
    for before, after in pairwise(found):
        assert before.longest_run <= after.longest_run
        assert before.crossings <= after.crossings
