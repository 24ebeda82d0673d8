"""A report with realistic numbers: 15 hospitals, withheld months, one innovation. For tests only."""

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np

from rounds.learning.impact.effect import Effect, Interval, NoEffect, Panel
from rounds.learning.spread.adoption import AdoptionCurve, Coverage, Stage
from rounds.learning.variation.between_sites.funnel import funnel_proportions
from rounds.learning.variation.over_time.xmr import xmr_chart
from rounds.measures.definitions import Better, Measure
from rounds.measures.periods import Grain, period_label
from rounds.measures.questions import PublishedQuestion
from rounds.measures.strata import Stratum
from rounds.network.innovations import EvidenceStage, Innovation
from rounds.network.members import Member, Membership
from rounds.reports.completeness import CompletenessLine
from rounds.reports.content.between_sites import between_sites
from rounds.reports.content.equity import equity
from rounds.reports.content.impact import Evaluation, impact
from rounds.reports.content.observed import Known, Observed, total
from rounds.reports.content.over_time import over_time
from rounds.reports.content.peers import better_peer
from rounds.reports.content.pooled import pooled
from rounds.reports.content.spread import spread
from rounds.reports.insight import Insight, Provenance
from rounds.reports.report import Report

NAMES = (
    "Northfield Hospital", "St Agnes' Infirmary", "Westmere General", "Eastbrook & District", "Kingsholm Royal",
    "Ashdown Hospital", "Millwater General", "Harrow Vale Hospital", "The Countess of Thornbury Memorial Hospital",
    "Larkspur Infirmary", "Penhallow General", "Redcliffe Hospital", "Sandwick Royal", "Tolland Hospital",
    "Upton General",
)  # fmt: skip
CODES = tuple(f"RX{index:02d}" for index in range(1, 16))
MONTHS = tuple(date(2022 + index // 12, index % 12 + 1, 1) for index in range(36))
PERIODS = tuple(period_label(month, Grain.MONTH) for month in MONTHS)
INNOVATION = Innovation(
    id="deterioration-programme",
    title="Recognise and respond to deterioration",
    description="Observations, a score and a team that comes.",
    stage=EvidenceStage.ADOPTION,
    owner="Patient safety collaborative",
    author="A. Author",
    reviewer="B. Reviewer",
    next_review=date(2027, 6, 30),
)

MEMBERSHIP = Membership(
    members=tuple(
        Member(
            ods_code=code,
            name=name,
            kind="hospital",
            region=("North", "Mid", "South")[index % 3],
            joined=date(2020, 1, 1),
        )
        for index, (code, name) in enumerate(zip(CODES, NAMES, strict=True))
    )
)
PROVENANCE = Provenance(
    round_id="2025-q1",
    plan_digest="sha256:" + "ab" * 32,
    sites_in=tuple(f"hospital-{index:02d}" for index in range(1, 15)),
    sites_out=("hospital-15",),
    withheld_cells=180,
    total_cells=1620,
    code_version="0.1.0",
    data_as_of=date(2025, 1, 31),
)


def measure(
    name: str = "cardiac-arrests",
    title: str = "Cardiac arrests in hospital",
    better: Better = Better.LOWER,
    per: int = 1000,
    unit: str = "admissions",
    target: float | None = None,
) -> Measure:
    return Measure(
        id=name,
        version=1,
        title=title,
        description=f"{title}, counted as the library says.",
        question=PublishedQuestion(numerator=title.lower(), denominator=unit),
        grain=Grain.MONTH,
        strata=(),
        per=per,
        unit=unit,
        better=better,
        author="A. Author",
        reviewer="B. Reviewer",
        next_review=date(2027, 6, 30),
        target=target,
    )


ARRESTS = measure()
OBSERVATIONS = measure(
    name="observations-on-admission",
    title="Admissions with a respiratory rate recorded",
    better=Better.HIGHER,
    per=100,
    target=95,
)
WAITS = measure(name="ae-over-4-hours", title="A&E attendances over four hours", per=100, unit="attendances", target=5)
ADMITTED = measure(name="people-admitted", title="People admitted to hospital", better=Better.NEITHER, unit="people")


def hes(count: int) -> Known:
    """What the `hes` policy shows of a count."""
    if count == 0:
        return Known.exactly(0)
    if count <= 7:
        return Known(value=None, lower=1, upper=7)
    rounded = (count + 2) // 5 * 5
    return Known(value=rounded, lower=max(8, rounded - 2), upper=rounded + 2)


def exactly(top: int, bottom: int) -> Observed:
    return Observed(numerator=Known.exactly(top), denominator=Known.exactly(bottom))


def released(tops: np.ndarray, bottoms: np.ndarray) -> tuple[Observed, ...]:
    return tuple(
        Observed(numerator=hes(int(top)), denominator=hes(int(bottom)))
        for top, bottom in zip(tops, bottoms, strict=True)
    )


def chart_of(observed: tuple[Observed | None, ...], of: Measure):
    rates = [item.rate(of.per) if item else None for item in observed]
    values = np.array([np.nan if rate is None else rate for rate in rates])
    withheld = np.array([item is not None and item.withheld for item in observed])
    return xmr_chart(values=values, better=of.better, target=of.target, withheld=withheld)


def counts(seed: int = 7) -> dict[str, dict[str, tuple[Observed, ...]]]:
    """Released counts by measure and member."""
    rng = np.random.default_rng(seed)
    found: dict[str, dict[str, tuple[Observed, ...]]] = {
        ARRESTS.id: {},
        OBSERVATIONS.id: {},
        WAITS.id: {},
        ADMITTED.id: {},
    }
    for index, code in enumerate(CODES):
        size = 3000 + 700 * index
        live = 10 + 2 * (index % 9) if index < 12 else 99
        halved = np.where(np.arange(36) >= live, 0.5, 1.0)
        beds = rng.poisson(size, 36)
        base = 0.0045 if index > 4 else 0.0021
        found[ARRESTS.id][code] = released(rng.poisson(beds * base * halved), beds)
        share = np.where(np.arange(36) >= live, 0.96, 0.88) + 0.004 * (index % 4) + rng.normal(0, 0.006, 36)
        found[OBSERVATIONS.id][code] = released(rng.binomial(beds, np.clip(share, 0, 1)), beds)
        waits = 0.05 + 0.01 * index + np.linspace(0, 0.08 if index % 4 == 0 else 0, 36) + rng.normal(0, 0.008, 36)
        arrivals = rng.poisson(3 * size, 36)
        found[WAITS.id][code] = released(rng.binomial(arrivals, np.clip(waits, 0.01, 1)), arrivals)
        people = rng.poisson(20 * size, 36)
        found[ADMITTED.id][code] = released(
            rng.binomial(people, 0.05 + (0.01 if index == 3 else 0) * (np.arange(36) > 27)), people
        )
    return found


def curve() -> AdoptionCurve:
    points = []
    for index, month in enumerate(MONTHS):
        there = [code for position, code in enumerate(CODES[:12]) if index >= 10 + 2 * (position % 9)]
        points.append(
            Coverage(day=month, adopted=len(there), members=15, not_yet=tuple(sorted(set(CODES) - set(there))))
        )
    return AdoptionCurve(innovation=INNOVATION.id, stage=Stage.EMBEDDED, points=tuple(points))


def panel(series: dict[str, tuple[Observed, ...]]) -> Panel:
    lower, upper, exposure = (
        np.array([[getter(item) for item in series[code]] for code in CODES], dtype=float)
        for getter in (
            lambda item: item.numerator.lower,
            lambda item: item.numerator.upper,
            lambda item: item.denominator.value,
        )
    )
    live = np.array([10 + 2 * (index % 9) if index < 12 else 99 for index in range(15)])
    treated = np.arange(36)[None, :] >= live[:, None]
    return Panel(
        sites=CODES, lower=lower, upper=upper, exposure=exposure, treated=treated, excluded=np.zeros_like(treated)
    )


def effect(of: Panel, ratio: tuple[float, float, float] = (0.52, 0.47, 0.58), withheld_share: float = 0.08) -> Effect:
    counted = (of.lower + of.upper) / 2
    expected = np.where(of.treated, counted / 0.52, counted)
    gone = float((expected - counted)[of.treated].sum())
    return Effect(
        rate_ratio=Interval(estimate=ratio[0], lower=ratio[1], upper=ratio[2]),
        avoided=Interval(estimate=gone, lower=gone * 0.8, upper=gone * 1.2),
        dispersion=0.02,
        counterfactual=expected,
        treated_sites=12,
        treated_periods=int(of.treated.sum()),
        comparison_sites=15,
        withheld_share=withheld_share,
        method="imputation-nb@1",
        assumes="without the programme, rates at all sites would have moved in parallel",
    )


def placebo(of: Panel, ratio: tuple[float, float, float] = (1.02, 0.93, 1.12)) -> Effect:
    return replace(effect(of), rate_ratio=Interval(estimate=ratio[0], lower=ratio[1], upper=ratio[2]))


@cache
def insights() -> tuple[Insight, ...]:
    found: list[Insight] = []
    everything = counts()
    points = curve()
    embedded = dict.fromkeys(set(CODES) - set(points.points[-1].not_yet), INNOVATION)
    names = {"membership": MEMBERSHIP, "provenance": PROVENANCE}
    for of in (ARRESTS, OBSERVATIONS, WAITS, ADMITTED):
        series = everything[of.id]
        year = {code: total(series[code][-12:]) for code in CODES}
        for code in CODES:
            peer = better_peer(
                member=code,
                totals=year,
                measure=of,
                membership=MEMBERSHIP,
                over="the last 12 months",
                embedded=embedded if of in (ARRESTS, OBSERVATIONS) else None,
            )
            found.append(
                over_time(
                    chart=chart_of(series[code], of),
                    periods=PERIODS,
                    observed=series[code],
                    member=code,
                    measure=of,
                    peer=peer,
                    **names,
                )
            )
        known = {code: item for code, item in year.items() if item.rate(1) is not None}
        rest = {code: item for code, item in year.items() if code not in known}
        if rest:
            # A funnel needs values: withheld ones get their midpoint here, only to draw limits at their size.
            known = year
        tops = np.array([(item.numerator.lower + item.numerator.upper) / 2 for item in known.values()])
        bottoms = np.array([float(item.denominator.value or item.denominator.lower) for item in known.values()])
        found.append(
            between_sites(
                funnel=funnel_proportions(numerators=tops, denominators=bottoms),
                members=tuple(known),
                observed=tuple(known.values()),
                over="Jan to Dec 2024",
                measure=of,
                **names,
            )
        )
        sums = tuple(total(series[code][index] for code in CODES) for index in range(36))
        everyone = (15,) * 36
        found.append(
            pooled(
                periods=PERIODS, observed=sums, members=everyone, expected=everyone, measure=of, provenance=PROVENANCE
            )
        )
    found.append(spread(curve=points, now=points.points[-1], innovation=INNOVATION, member_noun="hospitals", **names))
    arrests = panel(everything[ARRESTS.id])
    for of, result in (
        (ARRESTS, effect(arrests)),
        (OBSERVATIONS, NoEffect(reason="every site started in the same month")),
    ):
        found.append(
            impact(
                evaluation=Evaluation(
                    effect=result,
                    placebo=placebo(arrests),
                    panel=arrests if of is ARRESTS else panel(everything[of.id]),
                    periods=PERIODS,
                ),
                innovation=INNOVATION,
                stage=Stage.EMBEDDED,
                measure=of,
                **names,
            )
        )
    bands = {
        "18-39": exactly(40, 30000),
        "40-59": exactly(90, 32000),
        "60-79": exactly(300, 41000),
        "80+": exactly(380, 30000),
    }
    bands["0-17"] = Observed(numerator=Known(value=None, lower=1, upper=7), denominator=Known.exactly(9000))
    found.append(
        equity(
            groups=bands, stratum=Stratum.AGE_BAND, over="Jan to Dec 2024", member="network", measure=ARRESTS, **names
        )
    )
    return tuple(found)


def report(members: int = 15) -> Report:
    """Return a report; with fewer members only their own insights and those of the network are in it."""
    chosen = {"network", *CODES[:members]}
    return Report(
        network_name="Northern Deterioration Network",
        round_id="2025-q1",
        round_title="First quarter of 2025",
        as_of=date(2025, 1, 31),
        insights=tuple(insight for insight in insights() if insight.scope in chosen),
        membership=MEMBERSHIP,
        provenance=PROVENANCE,
        measures=(ARRESTS, OBSERVATIONS, WAITS, ADMITTED),
        completeness=tuple(
            CompletenessLine(
                measure=str(ADMITTED.ref),
                measure_title=ADMITTED.title,
                scope=code,
                scope_name=MEMBERSHIP.name_of(code),
                name="sex",
                lower=lower,
                upper=upper,
                need=95,
            )
            for code, (lower, upper) in zip(CODES[:members], ((95, 100), (80, 85), (0, 100)), strict=False)
        ),
    )
