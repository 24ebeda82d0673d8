"""Is the effect on a mean right? Known truth, 15 sites x 36 months, 12 adopting one after another.

    python benchmarks/mean_impact.py                 # 400 seeds of each case
    python benchmarks/mean_impact.py 1000
    python benchmarks/mean_impact.py estimators 100  # which estimator of means varies least
    python benchmarks/mean_impact.py rounding 60     # from how many steps of rounding on effects are right
    python benchmarks/mean_impact.py power 400       # whether a rollout finds what `rounds power` says it will

Nights of each stay are whole, skewed and from 0 to 30; their sums go through the disclosure rule that a site would use,
and what is left is pooled and estimated by the functions that a round runs. Fails if intervals hold the truth in less
than 93 or more than 97 % of at least 400 seeds, or a bias is above 2 % and above twice its standard error. More than
97 % is no failure where sites respond unequally, for intervals are about sites like these and not these alone, and
where some sites are left out, for Student's t is then cautious.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rounds.centre.impact_panel import impact_panel
from rounds.centre.pooled_measure import PooledMeasure
from rounds.centre.pooling import totals
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import release
from rounds.learning.impact import identification
from rounds.learning.impact.effect import MeanEffect, Panel
from rounds.learning.impact.mean_power import MeanPower, learn_mean_baseline, mean_rollout_power
from rounds.learning.impact.panel.estimate import Estimate
from rounds.learning.impact.panel.means import estimate_mean_effect, fit_means
from rounds.learning.impact.panel.others import other_estimates
from rounds.learning.spread.adoption import AdoptionEvent, Stage
from rounds.measures.counts import Count, count_schema
from rounds.measures.kinds import CountKind
from rounds.measures.periods import Grain, periods_between
from rounds.network.members import Member, Membership
from rounds.network.successions import NO_SUCCESSIONS, Succession, Successions
from rounds.storage.library import read_library, shipped_library_folder
from rounds.storage.round_files import Programme

MEASURE = replace(read_library(shipped_library_folder()).measure("length-of-stay", 1), grain=Grain.MONTH)
PROGRAMME = Programme(innovation="deterioration-programme", outcome=MEASURE.id, stage=Stage.EMBEDDED)
SITES, MONTHS, ADOPTERS = 15, 36, 12
FIRST, LAST = date(2022, 1, 1), date(2024, 12, 31)
PERIODS = periods_between(grain=Grain.MONTH, first=FIRST, last=LAST)
EFFECT = -0.5
LOWEST, HIGHEST, MOST_BIAS, ENOUGH_SEEDS = 0.93, 0.97, 0.02, 400
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A network and how its means leave."""

    name: str
    stays: tuple[int, int] = (150, 900)
    """a month at the smallest and the largest site"""
    wander: float = 0.0
    """standard deviation of a site's own path, in nights (AR 0.8)"""
    unequal: float = 0.0
    """standard deviation of the effect between sites, in nights"""
    policy: Policy | None = None
    """by which means leave; None for exact ones"""
    merger: bool = False
    """whether the first two sites become one halfway"""
    promised: bool = True
    """whether intervals are to hold the truth in no more than 97 %: not where they are about more than these sites"""


CASES = (
    Case(name="all holds, exact means"),
    Case(name="all holds, HES rule", policy=Policy.HES),
    Case(name="small sites among them, HES rule", stays=(60, 900), policy=Policy.HES, promised=False),
    Case(name="sites wander by 0.3 nights, exact", wander=0.3),
    Case(name="sites wander by 0.3 nights, HES rule", wander=0.3, policy=Policy.HES),
    Case(name="sites respond unequally (SD 0.3), exact", unequal=0.3, promised=False),
    Case(name="two sites become one, exact", merger=True),
    Case(name="two sites become one, HES rule", merger=True, policy=Policy.HES),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Sums of nights and stays of a network, shape (sites, months), and the effect on those with the innovation."""

    nights: Numbers
    stays: Numbers
    starts: NDArray[np.int64]
    truth: float
    share: float


def draw(case: Case, seed: int, *, effect: float = EFFECT) -> Drawn:
    """Return a network drawn at random."""
    rng = np.random.default_rng(seed)
    usual = rng.uniform(*case.stays, SITES)
    stays = rng.poisson(usual[:, None] * np.ones(MONTHS)).astype(np.float64)
    starts = np.full(SITES, MONTHS)
    starts[rng.permutation(SITES)[:ADOPTERS]] = np.linspace(9, MONTHS - 6, ADOPTERS).astype(int)
    if case.merger:
        starts[1] = starts[0]
    months = np.arange(MONTHS)
    path = np.zeros((SITES, MONTHS))
    state = rng.normal(0.0, 1.0, SITES)
    for month in months:
        path[:, month] = case.wander * state
        state = 0.8 * state + 0.6 * rng.normal(0.0, 1.0, SITES)
    common = 0.3 * np.sin(2 * np.pi * months / 12) + 0.01 * months + rng.normal(0.0, 0.1, MONTHS)
    without = 4.0 + rng.normal(0.0, 0.6, SITES)[:, None] + common + path
    own = effect + case.unequal * rng.normal(0.0, 1.0, SITES)
    treated = months >= starts[:, None]
    nights = _nights(rng, np.maximum(without + own[:, None] * treated, 0.3), stays)
    weight = np.where(treated, stays, 0.0)
    truth = float((weight * own[:, None]).sum() / weight.sum())
    return Drawn(
        nights=nights,
        stays=stays,
        starts=starts,
        truth=truth,
        share=truth / float((weight * without).sum() / weight.sum()),
    )


def _nights(rng: np.random.Generator, mean: Numbers, stays: Numbers) -> Numbers:
    """Return sums of negative-binomial nights of size 2: the variance of one stay is mean + mean^2 / 2.

    A stay of more than 30 nights is one in 20,000 at a mean of 4, so that none is cut off.
    """
    size = 2.0 * stays
    return rng.negative_binomial(np.maximum(size, 1e-9), 2.0 / (2.0 + mean)).astype(np.float64)


CODES = tuple(f"RX{site:02}" for site in range(SITES))
NEW, MERGED = "RX99", PERIODS[MONTHS // 2].start
MERGER = Successions(all=tuple(Succession(old_code=old, new_code=NEW, day=MERGED) for old in CODES[:2]))
MEMBERS = Membership(
    members=tuple(Member(ods_code=one, name=one, kind="hospital", region="", joined=FIRST) for one in CODES)
)
MERGED_MEMBERS = Membership(
    members=(
        *(replace(one, left=MERGED if one.ods_code in CODES[:2] else None) for one in MEMBERS.members),
        Member(ods_code=NEW, name=NEW, kind="hospital", region="", joined=MERGED),
    )
)


def sums_of(case: Case, drawn: Drawn) -> dict[tuple[str, date], tuple[int, int]]:
    """Return nights and stays by who sent them and when."""
    found: dict[tuple[str, date], tuple[int, int]] = {}
    for code, nights_row, stays_row in zip(CODES, drawn.nights, drawn.stays, strict=True):
        for period, nights, stays in zip(PERIODS, nights_row, stays_row, strict=True):
            is_new = case.merger and code in CODES[:2] and period.start >= MERGED
            before = found.get((NEW, period.start), (0, 0)) if is_new else (0, 0)
            found[NEW if is_new else code, period.start] = before[0] + int(nights), before[1] + int(stays)
    return found


def outcome_of(case: Case, drawn: Drawn) -> PooledMeasure:
    """Return what the centre holds of a network's nights."""
    amount = MEASURE.amount
    assert amount is not None
    most = (amount.steps * amount.most_each, amount.most_each)
    rows = [
        (code, start, nights, stays, int(min(0.9 * stays, nights)), round(0.95 * stays), *most)
        for (code, start), (nights, stays) in sums_of(case, drawn).items()
    ]
    cells = pl.DataFrame(rows, schema=count_schema((), CountKind.MEAN), orient="row").sort("member", "period")
    count = Count(measure=MEASURE.ref, strata=(), cells=cells, kind=CountKind.MEAN)
    received = release(count, terms=Terms(rule=case.policy or Policy.HES), already_public=False).cells
    if case.policy is None:
        received = received.sort("member", "period").with_columns(
            pl.lit("exact").alias(f"{name}_state") if part == "state" else cells[name].alias(f"{name}_{part}")
            for name in ("numerator", "denominator")
            for part in ("state", "value", "lower", "upper")
        )
    series = totals(received, by=["member", "period"])
    return PooledMeasure(measure=MEASURE, periods=PERIODS, cells=received, series=series)


def events_of(case: Case, drawn: Drawn) -> tuple[AdoptionEvent, ...]:
    """Return who embedded it when, by the code of that day."""
    embedded = {
        (NEW if case.merger and code in CODES[:2] and PERIODS[start].start >= MERGED else code): PERIODS[start].start
        for code, start in zip(CODES, drawn.starts.tolist(), strict=True)
        if start < MONTHS
    }
    return tuple(
        AdoptionEvent(ods_code=code, innovation=PROGRAMME.innovation, stage=Stage.EMBEDDED, day=day)
        for code, day in embedded.items()
    )


def panel_of(case: Case, drawn: Drawn) -> Panel:
    """Return the panel that the centre makes of what left the sites."""
    return impact_panel(
        PROGRAMME,
        outcome=outcome_of(case, drawn),
        events=events_of(case, drawn),
        membership=MERGED_MEMBERS if case.merger else MEMBERS,
        successions=MERGER if case.merger else NO_SUCCESSIONS,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one seed's estimate said, against what was planted."""

    held: bool
    share_held: bool
    error: float
    """(estimate - truth) / truth"""
    withheld: float
    rounding: float
    width: float


def one_seed(task: tuple[Case, int]) -> Found:
    """Return what is found in one network."""
    case, seed = task
    drawn = draw(case, seed)
    effect = estimate_mean_effect(panel_of(case, drawn))
    assert isinstance(effect, MeanEffect), effect
    assert effect.share is not None
    found = effect.difference
    return Found(
        held=found.lower <= drawn.truth <= found.upper,
        share_held=effect.share.lower <= drawn.share <= effect.share.upper,
        error=found.estimate / drawn.truth - 1.0,
        withheld=effect.withheld_share,
        rounding=effect.rounding,
        width=(found.upper - found.lower) / 2.0,
    )


def coverage(seeds: int) -> None:
    """Print how often intervals hold the truth, and how far off estimates are."""
    wrong = []
    print(f"{seeds} seeds; effect {EFFECT} nights")
    print(f"{'case':<42}cover diff  cover share            bias  half width  withheld  rounding at worst")
    with ProcessPoolExecutor() as pool:
        for case in CASES:
            found = list(pool.map(one_seed, [(case, seed) for seed in range(1, seeds + 1)], chunksize=10))
            held, share = (float(np.mean([getattr(one, name) for one in found])) for name in ("held", "share_held"))
            errors = np.array([one.error for one in found])
            bias, error = float(errors.mean()), float(errors.std() / np.sqrt(seeds))
            rest = [float(np.mean([getattr(one, name) for one in found])) for name in ("width", "withheld", "rounding")]
            print(
                f"{case.name:<42}{held:>10.1%}{share:>13.1%}{bias:>+9.1%} ({error:.1%}){rest[0]:>12.3f}{rest[1]:>10.1%}"
                f"{rest[2]:>19.2f}",
                flush=True,
            )
            too_high = case.promised and max(held, share) > HIGHEST
            if min(held, share) < LOWEST or too_high or abs(bias) > max(MOST_BIAS, 2 * error):
                wrong.append(case.name)
    if wrong and seeds >= ENOUGH_SEEDS:
        sys.exit(f"outside what is promised: {', '.join(wrong)}")


def estimates(task: tuple[Case, int]) -> dict[str, tuple[float, bool]]:
    """Return, by estimator, its error in nights and whether its interval holds the truth."""
    case, seed = task
    drawn = draw(case, seed)
    fitted = fit_means(panel_of(case, drawn))
    assert not hasattr(fitted, "reason"), fitted
    every = (fitted.leading, *other_estimates(fitted.outcome, generator=np.random.default_rng(seed)))
    return {
        one.name: (one.value - drawn.truth, one.effect.lower <= drawn.truth <= one.effect.upper)
        for one in every
        if isinstance(one, Estimate)
    }


def estimators(seeds: int) -> None:
    """Print how far off each estimator of means is."""
    print(f"{seeds} seeds; mean error, root mean square error in nights, coverage")
    with ProcessPoolExecutor() as pool:
        for case in CASES:
            found = list(pool.map(estimates, [(case, seed) for seed in range(1, seeds + 1)], chunksize=5))
            print(case.name)
            for name in found[0]:
                errors = np.array([one[name][0] for one in found if name in one])
                held = float(np.mean([one[name][1] for one in found if name in one]))
                rmse = float(np.sqrt((errors**2).mean()))
                print(f"  {name:<28}{errors.mean():>+8.3f}{rmse:>8.3f}{held:>8.1%}", flush=True)


def rounding(seeds: int) -> None:
    """Print the bias by how many steps of rounding the sums of nights are; every site is kept."""
    identification.MOST_ROUNDING = np.inf
    for stays in (60, 110, 170, 230, 300, 450):
        case = Case(name="", stays=(stays, int(1.3 * stays)), policy=Policy.HES)
        found = [one_seed((case, seed)) for seed in range(1, seeds + 1)]
        errors = np.array([one.error for one in found])
        withheld = float(np.mean([one.withheld for one in found]))
        print(
            f"{4.0 * 1.15 * stays / 450:.1f} steps: bias {errors.mean():+.1%} ({errors.std() / np.sqrt(seeds):.1%}), "
            f"{withheld:.0%} withheld",
            flush=True,
        )


def finds(task: tuple[Case, int]) -> tuple[float, bool]:
    """Return the power that the months before anybody adopts promise, and whether the effect was found."""
    case, seed = task
    drawn = draw(case, seed, effect=-0.12)
    panel = panel_of(case, drawn)
    past = int(drawn.starts.min())
    cut = {name: getattr(panel, name)[:, :past] for name in ("lower", "upper", "exposure", "treated", "excluded")}
    baseline = learn_mean_baseline(replace(panel, **cut))
    starts = {site: int(start) - past for site, start in zip(panel.sites, drawn.starts, strict=True) if start < MONTHS}
    assert not hasattr(baseline, "reason"), baseline
    told = mean_rollout_power(baseline, starts=starts, ahead=MONTHS - past, difference=-0.12)
    effect = estimate_mean_effect(panel)
    assert isinstance(told, MeanPower)
    assert isinstance(effect, MeanEffect)
    return told.power, effect.difference.upper < 0 or effect.difference.lower > 0


def power(seeds: int) -> None:
    """Print the power that was promised, and how often the effect was found."""
    with ProcessPoolExecutor() as pool:
        for case in CASES[:2]:
            found = list(pool.map(finds, [(case, seed) for seed in range(1, seeds + 1)], chunksize=10))
            promised, seen = (float(np.mean([one[at] for one in found])) for at in (0, 1))
            print(f"{case.name:<42}promised {promised:.1%}, found {seen:.1%} of {seeds} seeds", flush=True)


if __name__ == "__main__":
    what = next((one for one in sys.argv[1:] if not one.isdigit()), "coverage")
    number = next((int(one) for one in sys.argv[1:] if one.isdigit()), ENOUGH_SEEDS)
    {"coverage": coverage, "estimators": estimators, "rounding": rounding, "power": power}[what](number)
