"""Do the benefit ledger's intervals hold the truth, for sites, regions and the network, quarters and years?

For each seed: the demo's own admissions and arrests, released under the `hes` policy, pooled and estimated by the
functions that a round runs, put into the ledger and added up. Prints how often the 95 % intervals hold the arrests that
were expected to be avoided, and fails if that is not in 93 to 97 % of at least 200 seeds for a kind of total.

    python benchmarks/benefit_coverage.py [seeds]
"""

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import demo_truth
import numpy as np

from rounds.centre.benefit_statements import statement_of
from rounds.centre.impact_panel import impact_panel
from rounds.centre.programmes import Evaluated
from rounds.learning.benefit.entries import Statement
from rounds.learning.benefit.rules import SPLIT_EVENLY
from rounds.learning.benefit.totals import Counting, counted_once, quarter_of, totals_by
from rounds.learning.impact.did import estimate_effect
from rounds.learning.impact.effect import Effect
from rounds.records.synthetic import Arrests, SyntheticNetwork, draw_arrests
from rounds.storage.library import read_library, shipped_library_folder

INNOVATION = read_library(shipped_library_folder()).innovation("deterioration-programme")
KINDS: dict[str, Callable[[Counting], object]] = {
    "site x month": lambda one: (one.entry.member, one.entry.start),
    "site x quarter": lambda one: (one.entry.member, quarter_of(one.entry.start)),
    "site": lambda one: one.entry.member,
    "quarter": lambda one: quarter_of(one.entry.start),
    "year": lambda one: quarter_of(one.entry.start).financial_year,
    "network": lambda _: "all",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Of one seed: by kind of total, how many intervals held the truth, of how many, and the errors in standard errors.

    `apart` is the largest difference between a total and the sum of its parts, and `effect` that between the network's
    total with its interval and the effect's own.
    """

    held: dict[str, tuple[int, int]]
    apart: float
    effect: float


def demo_statement(arrests: Arrests) -> tuple[Statement, Effect]:
    """Return what the ledger says of a demo network, and the effect it is taken apart from."""
    outcome, events = demo_truth.pooled(arrests), demo_truth.adoption(arrests)
    panel = impact_panel(demo_truth.PROGRAMME, outcome=outcome, events=events, membership=demo_truth.members(arrests))
    effect = estimate_effect(panel)
    assert isinstance(effect, Effect)
    found = Evaluated(
        programme=demo_truth.PROGRAMME,
        innovation=INNOVATION,
        outcome=outcome,
        panel=panel,
        effect=effect,
        placebo=None,
    )
    known = arrests.plan.last_day + timedelta(days=14)
    return statement_of(found, network="demo", round_id="demo", data_as_of=known, events=events), effect


def one_seed(seed: int, plan: SyntheticNetwork | None = None) -> Found:
    """Return how often intervals of one seed's totals hold what was expected to be avoided."""
    arrests = draw_arrests(plan or SyntheticNetwork(seed=seed))
    statement, effect = demo_statement(arrests)
    counting = counted_once([statement], rule=SPLIT_EVENLY)
    codes = [hospital.ods_code for hospital in arrests.hospitals]
    expected = arrests.expected_avoided
    truth = {
        (codes[row], start): float(expected[row, column])
        for row in range(len(codes))
        for column, start in enumerate(arrests.plan.month_starts[:-1])
    }
    known = [one for one in counting if one.entry.avoided is not None]
    held, sums = {}, []
    for name, key in KINDS.items():
        totals = totals_by(known, key)
        true: dict[object, float] = dict.fromkeys(totals, 0.0)
        for one in known:
            true[key(one)] += truth[one.entry.member, one.entry.start]
        inside = 0
        for group, found in totals.items():
            assert found.benefited is not None
            inside += found.benefited.lower <= true[group] <= found.benefited.upper
        held[name] = (inside, len(totals))
        sums.append(sum(found.benefited.value for found in totals.values() if found.benefited))
    whole = totals_by(known, lambda _: "all")["all"].benefited
    assert whole is not None
    return Found(
        held=held,
        apart=max(sums) - min(sums),
        effect=max(
            abs(whole.value - effect.avoided.estimate),
            abs(whole.lower - effect.avoided.lower),
            abs(whole.upper - effect.avoided.upper),
        ),
    )


def main() -> None:
    """Print the coverage over many seeds."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with ProcessPoolExecutor() as pool:
        found = list(pool.map(one_seed, range(1, seeds + 1), chunksize=5))
    wrong = []
    for name in KINDS:
        shares = np.array([one.held[name][0] / one.held[name][1] for one in found])
        print(f"{name:<15} {shares.mean():.1%} (standard error {shares.std() / seeds**0.5:.1%})")
        if not demo_truth.LOWEST <= shares.mean() <= demo_truth.HIGHEST:
            wrong.append(name)
    print(f"parts add up to {max(one.apart for one in found):.1e}")
    print(f"the network's total is the effect's to {max(one.effect for one in found):.1e}")
    if wrong and seeds >= demo_truth.ENOUGH_SEEDS:
        sys.exit(f"not in {demo_truth.LOWEST:.0%} to {demo_truth.HIGHEST:.0%}: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
