"""What an attacker gets out of published tables: naive blanking, ACRO's mode, HES, midpoint-6 and the gate compared.

Third-party tables (those of sdcTable, SSBtools, tau-ARGUS and cellKey, if they are beside the checkout) and families
made up here. Each rule publishes the same tables; the same attacker, a linear programme and then whole numbers, tries
every small cell (1 to 7) and every small difference of nested ones. Then: how well a stranger who knows everything but
whether one person is in the data tells this from q releases. Fails if the gate lets an interval be too narrow.

    python benchmarks/disclosure.py             # a minute
    python benchmarks/disclosure.py --exact     # also searches longer for the cheapest choice
    python benchmarks/disclosure.py --speed     # also milliseconds for each protected cell, some four minutes

An interval is narrow if it leaves less possible than the rule itself promises (1 to 7; midpoint-6 what it shows; the
gate without labels 1 to 8). `moved` is the mean of |shown - true| over the cells that are shown.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from disclosure_rivals import (
    acro,
    acro_deviation,
    displayed,
    gauss,
    hes_bounds,
    midpoint_bounds,
    naive_bounds,
    ours,
)
from disclosure_tables import SMALL, Case, families, large, third_party

from rounds.disclosure.gate.attack import attack
from rounds.disclosure.gate.certify import certify
from rounds.disclosure.gate.solver import Effort
from rounds.disclosure.gate.statements import NOTHING_KNOWN, Bounds, Problem, published
from rounds.disclosure.gate.tables import flat, table
from rounds.errors import DisclosureRefusal

RELEASES = (1, 4, 12, 96)
SIGMA = 2.0
TRIES = 20_000
THOROUGH = Effort(rounds=100, master_steps=60_000, tries=30_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one rule does to one case."""

    rule: str
    recovered: int
    narrow: int
    protected: int
    withheld: int
    cells: int
    moved: float
    refused: int = 0


def rows_of(case: Case) -> list[Row]:
    """Return a row for each rule."""
    rules: tuple[tuple[str, Callable[[int], Bounds]], ...] = (
        ("naive", naive_bounds),
        ("HES", hes_bounds),
        ("midpoint-6", midpoint_bounds),
    )
    rows = [_row(case, name, displayed(case, name, rule)) for name, rule in rules]
    rows.insert(1, _row(case, "ACRO's mode", acro(case), moved=acro_deviation(case)))
    for name, rule in (("gate", None), ("gate, HES", hes_bounds)):
        problem = ours(case, rule)
        try:
            withheld = certify(problem).withheld
            rows.append(_row(case, name, problem, withheld=withheld))
        except DisclosureRefusal:
            count = len(case.cells())
            rows.append(
                Row(rule=name, recovered=0, narrow=0, protected=0, withheld=count, cells=count, moved=0.0, refused=1)
            )
    return rows


def _row(case: Case, name: str, problem: Problem, *, withheld: tuple[str, ...] = (), moved: float | None = None) -> Row:
    audit = attack(problem, withheld=withheld)
    shown = dict(zip([one.terms for one in problem.statements], published(problem, withheld), strict=True))
    cells = list(case.cells())
    values = case.values(cells)
    distances, hidden = [], 0
    for terms, value in zip(cells, values, strict=True):
        bounds = shown.get(terms, NOTHING_KNOWN)
        if value in SMALL and bounds.upper in (None, 7) and name != "midpoint-6":
            hidden += 1
        elif bounds.upper is not None:
            distances.append(abs(_display(bounds, name) - value))
        elif terms in shown:
            hidden += 1
    return Row(
        rule=name,
        recovered=sum(one.recovered for one in audit.findings),
        narrow=len(audit.narrow),
        protected=len(audit.findings),
        withheld=hidden,
        cells=len(cells),
        moved=float(np.mean(distances)) if moved is None and distances else moved or 0.0,
    )


def _display(bounds: Bounds, name: str) -> int:
    """Return the number that is shown for bounds: the middle, below it for midpoint-6."""
    assert bounds.upper is not None
    if name == "midpoint-6" and bounds.upper:
        return bounds.lower + 2
    return (bounds.lower + bounds.upper) // 2


def advantage(rule: Callable[[int], Bounds], releases: int, *, seed: int = 1) -> float:
    """Return how often releases give away whether a known person is in them, by simulation.

    The attacker knows everybody else. The person is in another cell in each release; counts are as in `families`.
    """
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.exponential(30.0, (TRIES // releases + 200, releases)))
    tells = np.array([rule(value) != rule(value + 1) for value in range(int(counts.max()) + 1)])
    return float(tells[counts].any(axis=1).mean())


def noise_advantage(releases: int) -> float:
    """Return 2 * Phi(mu / 2) - 1, mu = sqrt(2 * sum of rho), rho = 1 / (2 sigma^2) a release."""
    mu = math.sqrt(2 * releases / (2 * SIGMA**2))
    return 2 * NormalDist().cdf(mu / 2) - 1


def simulated_noise_advantage(releases: int, *, seed: int = 1) -> float:
    """Return the same with discrete noise and the best test: the sum of what is shown against the middle."""
    rng = np.random.default_rng(seed)
    grid = np.arange(-30, 31)
    chances = np.exp(-(grid**2) / (2 * SIGMA**2))
    chances /= chances.sum()
    shape = (TRIES, releases)
    out, inside = (rng.choice(grid, shape, p=chances).sum(axis=1) for _ in range(2))
    # Sums tie on whole numbers: the best threshold is searched for, as an attacker would.
    inside = inside + releases
    return float(max((inside >= cut).mean() - (out >= cut).mean() for cut in range(releases + 1)))


def print_rows(cases: tuple[Case, ...]) -> int:
    """Print what each rule does, by case and in all; return the narrow intervals that the gate left."""
    every: dict[str, list[Row]] = {}
    for case in cases:
        print(f"\n{case.name}: {len(case.cells())} cells, {len(case.truth)} atoms")
        print(f"  {'':<14}{'recovered':>10}{'narrow':>8}{'of':>6}{'withheld':>10}{'moved':>8}")
        for row in rows_of(case):
            every.setdefault(row.rule, []).append(row)
            _print(row)
        sys.stdout.flush()
    print("\nall")
    for name, rows in every.items():
        shown = sum(row.cells - row.withheld for row in rows)
        moved = sum(row.moved * (row.cells - row.withheld) for row in rows) / max(shown, 1)
        totals = {field: sum(getattr(row, field) for row in rows) for field in ("recovered", "narrow", "protected")}
        withheld, cells = sum(row.withheld for row in rows), sum(row.cells for row in rows)
        _print(
            Row(rule=name, withheld=withheld, cells=cells, moved=moved, refused=sum(r.refused for r in rows), **totals)
        )
    return sum(row.narrow for name in ("gate", "gate, HES") for row in every[name])


def _print(row: Row) -> None:
    refused = f"  {row.refused} refused" if row.refused else ""
    share = row.withheld / row.cells
    print(
        f"  {row.rule:<14}{row.recovered:>10}{row.narrow:>8}{row.protected:>6}{row.withheld:>6} {share:>3.0%}"
        f"{row.moved:>8.2f}{refused}"
    )


def print_advantages() -> None:
    """Print how well one person is told from q releases."""
    print(f"\n{'one person':<16}" + "".join(f"{'q=' + str(number):>8}" for number in RELEASES))
    rules: tuple[tuple[str, Callable[[int], Bounds]], ...] = (
        ("naive, gate", naive_bounds),
        ("HES", hes_bounds),
        ("midpoint-6", midpoint_bounds),
    )
    for name, rule in rules:
        print(f"{name:<16}" + "".join(f"{advantage(rule, number):>8.3f}" for number in RELEASES))
    print(f"{'noise, sigma 2':<16}" + "".join(f"{noise_advantage(number):>8.3f}" for number in RELEASES))
    print(f"{'  simulated':<16}" + "".join(f"{simulated_noise_advantage(number):>8.3f}" for number in RELEASES))


def print_withheld(cases: tuple[Case, ...], *, exact: bool) -> None:
    """Print how many cells are withheld beside Gaussian elimination's number, and the cheapest possible."""
    print("\ncells withheld (small ones too)          gate  elimination + LP audit    cheapest")
    totals = [0, 0]
    for case in cases:
        problem = ours(case)
        small = sum(value in SMALL for value in case.values(list(case.cells())))
        certified = certify(problem, effort=THOROUGH if exact else None)
        mine, (other, holds) = small + certified.weight, gauss(case)
        totals = [totals[0] + mine, totals[1] + other]
        least = small + certified.least if certified.least or not certified.weight else 0
        print(
            f"  {case.name:<36}{mine:>8}{other:>12}{'' if holds else ' (does not hold)'}"
            f"{'= ' if least == mine else '>= ':>22}{least}",
            flush=True,
        )
    print(f"  {'all':<36}{totals[0]:>8}{totals[1]:>12}   ratio {totals[0] / totals[1]:.3f}")


def print_speed() -> None:
    """Print milliseconds for each protected cell, at 130 statements and at 1,500 atoms, attack and certificate."""
    print("\nmilliseconds a protected cell     statements   atoms  protected    attack   certify  withheld besides")
    cases = list(large())
    for sides, mean in (((10, 11), 30.0), ((5, 5, 3), 30.0), ((30, 50), 60.0), ((10, 15, 10), 300.0)):
        rng = np.random.default_rng(1)
        dimensions = [
            flat(f"side {number}", [f"{number}.{code}" for code in range(size)]) for number, size in enumerate(sides)
        ]
        truth = rng.poisson(rng.exponential(mean, math.prod(sides))).astype(np.int64)
        cases.append(Case(name=" x ".join(map(str, sides)), tables=(table("t", dimensions),), truth=truth))
    for case in cases:
        problem = ours(case)
        everything = [one.name for one in problem.statements if one.withheld is not None]
        start = time.perf_counter()
        attack(problem)
        attack(problem, withheld=everything[::3])
        tried = (time.perf_counter() - start) / 2
        start = time.perf_counter()
        certified = certify(problem)
        took = time.perf_counter() - start
        number = len(problem.protected)
        print(
            f"  {case.name:<32}{len(problem.statements):>10}{problem.atoms:>8}{number:>11}"
            f"{1000 * tried / number:>10.1f}{1000 * took / number:>10.1f}{certified.weight:>10} (>= {certified.least})",
            flush=True,
        )


def main() -> None:
    """Print the comparison."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--exact", action="store_true")
    asked.add_argument("--speed", action="store_true")
    chosen = asked.parse_args()
    outside = third_party()
    if not outside:
        print("the third-party tables are not beside the checkout: families made up here only")
    cases = (*outside, *families())
    narrow = print_rows(cases)
    print_advantages()
    print_withheld(cases, exact=chosen.exact)
    if chosen.speed:
        print_speed()
    if narrow:
        sys.exit(f"the gate left {narrow} intervals narrower than the policy allows")


if __name__ == "__main__":
    main()
