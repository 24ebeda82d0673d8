"""Do the benefit ledger's intervals hold the truth, for sites, regions and the network, quarters and years?

For each seed: the demo's own admissions and arrests, released under the `hes` policy, pooled and estimated by the
functions that a round runs, put into the ledger and added up. Prints how often the 95 % intervals hold the arrests that
were expected to be avoided, and fails if that is not in 93 to 97 % of at least 200 seeds for a kind of total.

    python benchmarks/benefit_coverage.py [seeds] [merged]

With `merged` the two hospitals that adopt first become one after two thirds of the time, and are one row of the
estimate: then also for what each of the two avoided before, and the one that they became after. One of the two has
half as many arrests as it would have, so that what was avoided does not follow their admissions.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta

import demo_truth
import numpy as np

from rounds.centre.benefit_statements import statement_of
from rounds.centre.impact_panel import impact_panel
from rounds.centre.pooled_measure import PooledMeasure
from rounds.centre.programmes import Evaluated
from rounds.learning.benefit.entries import Statement
from rounds.learning.benefit.rules import SPLIT_EVENLY
from rounds.learning.benefit.totals import Counting, counted_once, quarter_of, totals_by
from rounds.learning.impact.did import estimate_effect
from rounds.learning.impact.effect import Effect
from rounds.learning.spread.succession import followed
from rounds.network.members import Member, Membership
from rounds.network.successions import NO_SUCCESSIONS, Succession, Successions
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
NEW = "ZZ99"
OF_MERGED: dict[str, Callable[[Counting], object]] = {
    "predecessor x month": lambda one: (one.entry.member, one.entry.start),
    "predecessor x quarter": lambda one: (one.entry.member, quarter_of(one.entry.start)),
    "predecessor": lambda one: one.entry.member,
    "both": lambda _: "both",
    "successor": lambda one: NEW if one.entry.member == NEW else None,
    "all three": lambda _: "all",
}
"""Kinds of total over the members of a merger only."""


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
    return _statement(arrests, outcome=demo_truth.pooled(arrests), membership=demo_truth.members(arrests))


def _statement(
    arrests: Arrests,
    *,
    outcome: PooledMeasure,
    membership: Membership,
    successions: Successions = NO_SUCCESSIONS,
) -> tuple[Statement, Effect]:
    events = demo_truth.adoption(arrests)
    panel = impact_panel(
        demo_truth.PROGRAMME, outcome=outcome, events=events, membership=membership, successions=successions
    )
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
    events = followed(events, successions)
    return statement_of(found, network="demo", round_id="demo", data_as_of=known, events=events), effect


Truth = dict[tuple[str, date], float]
"""Arrests that were expected to be avoided, by member and month."""


def truth_of(arrests: Arrests) -> Truth:
    """Return what each hospital of a demo network was expected to avoid."""
    expected = arrests.expected_avoided
    return {
        (hospital.ods_code, start): float(expected[row, column])
        for row, hospital in enumerate(arrests.hospitals)
        for column, start in enumerate(arrests.plan.month_starts[:-1])
    }


def merged_statement(arrests: Arrests) -> tuple[Statement, Effect, Truth, tuple[str, str]]:
    """Return what the ledger says of a demo network of which two hospitals became one, what is true, and who they were.

    The second has half of its arrests and the first all of them, with as many admissions as it has in any case.
    """
    plan, starts = arrests.plan, arrests.plan.month_starts[:-1]
    merger, rng = starts[2 * plan.months // 3], np.random.default_rng([plan.seed, 1])
    first, second = sorted(
        (row for row, hospital in enumerate(arrests.hospitals) if hospital.embedded is not None),
        key=lambda row: arrests.hospitals[row].embedded or date.max,
    )[:2]
    codes = [hospital.ods_code for hospital in arrests.hospitals]
    events, avoided = arrests.events.copy(), arrests.expected_avoided.copy()
    events[second] = rng.binomial(events[second], 0.5)
    avoided[second] *= 0.5
    counted: dict[tuple[str, date], tuple[int, int]] = {}
    truth: Truth = {}
    for row, code in enumerate(codes):
        for column, start in enumerate(starts):
            name = NEW if row in (first, second) and start >= merger else code
            more = counted.get((name, start), (0, 0))
            counted[name, start] = more[0] + int(events[row, column]), more[1] + int(arrests.admissions[row, column])
            truth[name, start] = truth.get((name, start), 0.0) + float(avoided[row, column])
    known = demo_truth.members(arrests)
    return (
        *_statement(
            arrests,
            outcome=demo_truth.pooled_rows(plan, [(code, start, *cell) for (code, start), cell in counted.items()]),
            membership=Membership(
                members=(*known.members, Member(ods_code=NEW, name="Merged", kind="", region="", joined=merger))
            ),
            successions=Successions(
                all=tuple(Succession(old_code=codes[row], new_code=NEW, day=merger) for row in (first, second))
            ),
        ),
        truth,
        (codes[first], codes[second]),
    )


def one_seed(seed: int, plan: SyntheticNetwork | None = None) -> Found:
    """Return how often intervals of one seed's totals hold what was expected to be avoided."""
    arrests = draw_arrests(plan or SyntheticNetwork(seed=seed))
    return _found(*demo_statement(arrests), truth_of(arrests), KINDS)


def one_merged_seed(seed: int, plan: SyntheticNetwork | None = None) -> Found:
    """Return how often intervals of totals of the members of a merger hold what was expected to be avoided."""
    statement, effect, truth, pair = merged_statement(draw_arrests(plan or SyntheticNetwork(seed=seed)))
    whole = _found(statement, effect, truth, KINDS)
    own = replace(statement, entries=tuple(one for one in statement.entries if one.member in (*pair, NEW)))
    before = replace(own, entries=tuple(one for one in own.entries if one.member in pair))
    of_pair = {name: key for name, key in OF_MERGED.items() if name not in ("successor", "all three")}
    held = _found(before, effect, truth, of_pair).held
    held |= _found(own, effect, truth, {name: OF_MERGED[name] for name in ("successor", "all three")}).held
    return replace(whole, held=whole.held | held)


def _found(statement: Statement, effect: Effect, truth: Truth, kinds: dict[str, Callable[[Counting], object]]) -> Found:
    counting = counted_once([statement], rule=SPLIT_EVENLY)
    known = [one for one in counting if one.entry.avoided is not None]
    held, sums = {}, []
    for name, key in kinds.items():
        totals = totals_by(known, key)
        true: dict[object, float] = dict.fromkeys(totals, 0.0)
        for one in known:
            if key(one) is not None:
                true[key(one)] += truth[one.entry.member, one.entry.start]
        inside = 0
        for group, found in totals.items():
            assert found.benefited is not None
            inside += found.benefited.lower <= true[group] <= found.benefited.upper
        held[name] = (inside, len(totals))
        if name != "successor":
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
        seed = one_merged_seed if "merged" in sys.argv else one_seed
        found = list(pool.map(seed, range(1, seeds + 1), chunksize=5))
    wrong = []
    for name in found[0].held:
        shares = np.array([one.held[name][0] / one.held[name][1] for one in found if one.held[name][1]])
        print(f"{name:<21} {shares.mean():.1%} (standard error {shares.std() / seeds**0.5:.1%})")
        if not demo_truth.LOWEST <= shares.mean() <= demo_truth.HIGHEST:
            wrong.append(name)
    print(f"parts add up to {max(one.apart for one in found):.1e}")
    print(f"the network's total is the effect's to {max(one.effect for one in found):.1e}")
    if wrong and seeds >= demo_truth.ENOUGH_SEEDS:
        sys.exit(f"not in {demo_truth.LOWEST:.0%} to {demo_truth.HIGHEST:.0%}: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
