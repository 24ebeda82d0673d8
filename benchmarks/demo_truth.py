"""Does a round of the demo network find what was planted in it? The demo's own law, disclosure control and estimator.

For each seed: the admissions and arrests that `rounds demo` would write as records, counted per hospital and month,
released under the `hes` policy, pooled and estimated by the functions that a round runs. Prints how often the intervals
hold the planted rate ratio and the expected number of arrests avoided, and how far off the estimates are. Fails if
that is not in 93 to 97 % of at least 200 seeds.

    python benchmarks/demo_truth.py [seeds]
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from rounds.centre.impact_panel import impact_panel
from rounds.centre.pooled_measure import PooledMeasure
from rounds.centre.pooling import totals
from rounds.centre.programmes import PLACEBO_LEAD_PERIODS
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import release
from rounds.learning.impact.did import estimate_effect
from rounds.learning.impact.effect import Effect
from rounds.learning.impact.placebo import placebo
from rounds.learning.spread.adoption import AdoptionEvent, Stage
from rounds.measures.counts import Count, count_schema
from rounds.measures.kinds import CountKind
from rounds.measures.periods import Grain, periods_between
from rounds.network.members import Member, Membership
from rounds.records.synthetic import Arrests, SyntheticNetwork, draw_arrests
from rounds.storage.library import read_library, shipped_library_folder
from rounds.storage.round_files import Programme

MEASURE = read_library(shipped_library_folder()).measure("cardiac-arrests", 1)
LOWEST, HIGHEST = 0.93, 0.97
"""The share of seeds in which a 95 % interval should hold the truth."""
ENOUGH_SEEDS = 200
"""With fewer the share itself is too uncertain to fail on."""
PROGRAMME = Programme(innovation="deterioration-programme", outcome="cardiac-arrests", stage=Stage.EMBEDDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one seed's round said, against what was planted."""

    ratio_held: bool
    avoided_held: bool
    placebo_held: bool
    log_ratio_error: float
    avoided_error: float
    """(estimate - truth) / truth"""
    withheld: float


def pooled(arrests: Arrests, *, policy: Policy = Policy.HES) -> PooledMeasure:
    """Return the demo's arrests as the centre would hold them.

    Whoever comes back does so more than a month later: behind a month's admissions there are as many people.
    """
    rows = [
        (hospital.ods_code, start, int(events), int(admissions))
        for hospital, events_row, admissions_row in zip(
            arrests.hospitals, arrests.events, arrests.admissions, strict=True
        )
        for start, events, admissions in zip(arrests.plan.month_starts[:-1], events_row, admissions_row, strict=True)
    ]
    return pooled_rows(arrests.plan, rows, policy=policy)


def pooled_rows(
    plan: SyntheticNetwork, counted: list[tuple[str, date, int, int]], *, policy: Policy = Policy.HES
) -> PooledMeasure:
    """Return arrests and admissions by hospital and month, as they were counted, as the centre would hold them."""
    # What is `open` is public, and says nothing of people.
    kind, times = (MEASURE.kind, 2) if policy is Policy.HES else (CountKind.PROPORTION, 1)
    rows = [(code, start, *((events, admissions) * times)) for code, start, events, admissions in counted]
    cells = pl.DataFrame(rows, schema=count_schema((), kind), orient="row")
    count = Count(measure=MEASURE.ref, strata=(), cells=cells, kind=kind)
    released = release(count, terms=Terms(rule=policy), already_public=policy is Policy.OPEN)
    return PooledMeasure(
        measure=MEASURE,
        periods=periods_between(grain=Grain.MONTH, first=plan.first_month, last=plan.last_day),
        cells=released.cells,
        series=totals(released.cells, by=["member", "period"]),
    )


def adoption(arrests: Arrests) -> tuple[AdoptionEvent, ...]:
    """Return when each hospital went live and embedded the programme."""
    return tuple(
        AdoptionEvent(ods_code=hospital.ods_code, innovation=PROGRAMME.innovation, stage=stage, day=day)
        for hospital in arrests.hospitals
        for stage, day in ((Stage.LIVE, hospital.live), (Stage.EMBEDDED, hospital.embedded))
        if day is not None
    )


def members(arrests: Arrests) -> Membership:
    """Return the demo's hospitals as members."""
    return Membership(
        members=tuple(
            Member(ods_code=one.ods_code, name=one.name, kind="acute hospital", region=one.region, joined=one.joined)
            for one in arrests.hospitals
        )
    )


def one_seed(seed: int) -> Found:
    """Return what the round of one seed finds."""
    arrests = draw_arrests(SyntheticNetwork(seed=seed))
    panel = impact_panel(PROGRAMME, outcome=pooled(arrests), events=adoption(arrests), membership=members(arrests))
    effect, falsified = estimate_effect(panel), placebo(panel, lead=PLACEBO_LEAD_PERIODS)
    assert isinstance(effect, Effect)
    assert isinstance(falsified, Effect)
    truth, avoided = arrests.plan.rate_ratio, float(arrests.expected_avoided.sum())
    return Found(
        ratio_held=effect.rate_ratio.lower <= truth <= effect.rate_ratio.upper,
        avoided_held=effect.avoided.lower <= avoided <= effect.avoided.upper,
        placebo_held=falsified.rate_ratio.lower <= 1 <= falsified.rate_ratio.upper,
        log_ratio_error=float(np.log(effect.rate_ratio.estimate / truth)),
        avoided_error=effect.avoided.estimate / avoided - 1,
        withheld=effect.withheld_share,
    )


def main() -> None:
    """Print the coverage over many seeds."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with ProcessPoolExecutor() as pool:
        found = list(pool.map(one_seed, range(1, seeds + 1), chunksize=5))
    print(f"{seeds} seeds; {np.mean([one.withheld for one in found]):.0%} of the site-months known between bounds only")
    shares = {
        "rate ratio": np.mean([one.ratio_held for one in found]),
        "arrests avoided": np.mean([one.avoided_held for one in found]),
        "placebo holds 1": np.mean([one.placebo_held for one in found]),
    }
    for name, share in shares.items():
        print(f"{name:<18} 95 % interval holds the truth in {share:.1%} of seeds")
    errors = np.array([one.log_ratio_error for one in found])
    print(f"log rate ratio     mean error {errors.mean():+.4f} (standard error {errors.std() / seeds**0.5:.4f})")
    print(f"arrests avoided    mean relative error {np.mean([one.avoided_error for one in found]):+.1%}")
    wrong = [name for name, share in shares.items() if not LOWEST <= share <= HIGHEST]
    if wrong and seeds >= ENOUGH_SEEDS:
        sys.exit(f"not in {LOWEST:.0%} to {HIGHEST:.0%} of seeds: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
