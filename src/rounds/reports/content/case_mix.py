"""Observed events against those that a model of all members' patients expects: who has more, allowing for who came."""

from dataclasses import dataclass

import numpy as np

from rounds.learning.variation.between_sites.funnel import Funnel
from rounds.learning.variation.between_sites.limits import Outlier
from rounds.learning.variation.between_sites.notes import funnel_notes, withheld_words
from rounds.learning.variation.between_sites.shrunken import Shrunken
from rounds.learning.variation.between_sites.within_bounds import CountBounds
from rounds.measures.definitions import Measure
from rounds.network.members import Membership
from rounds.reports.charts.caterpillar import caterpillar_chart
from rounds.reports.charts.funnel import FunnelSite, funnel_chart
from rounds.reports.content.cells import tidy
from rounds.reports.content.shrunken import (
    BESIDE_A_FUNNEL,
    FEWEST_FOR_THE_SPREAD,
    apart_words,
    caterpillar_rows,
    sides,
    typical_of,
)
from rounds.reports.content.verdicts import Verdict
from rounds.reports.content.wording import NETWORK, inline, listing, number, plural, sites_out_words, slug
from rounds.reports.insight import (
    Cell,
    Certainty,
    Confidence,
    Direction,
    Estimate,
    Insight,
    Kind,
    Mark,
    Provenance,
    Table,
)

METHOD = "case-mix-of-strata@1"
_UNIT = "times what is expected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """Organisations against what is expected of their patients."""

    funnel: Funnel
    """of observed over expected events"""
    verdicts: tuple[Verdict, ...]
    """where each organisation can lie, in the order of the funnel"""
    bounds: CountBounds
    """of observed events, and the expected ones"""
    strata: tuple[str, ...]
    """what is allowed for, in words"""
    notes: tuple[str, ...]
    """what must be known of the model"""


def allowing_for_case_mix(
    found: Adjusted,
    *,
    over: str,
    measure: Measure,
    membership: Membership,
    provenance: Provenance,
) -> Insight:
    """Return which organisations have more or fewer events than is expected of their patients.

    Args:
        found: what was fitted and judged.
        over: the time covered, in words.
        measure: what is counted.
        membership: to name the members.
        provenance: where the numbers come from.
    """
    funnel, verdicts, bounds, strata = found.funnel, found.verdicts, found.bounds, found.strata
    names = [membership.name_of(item.code) for item in verdicts]
    statement = _statement(verdicts, names, strata, measure)
    hidden = int(np.isnan(funnel.values).sum())
    expected = bounds.denominators_lower
    lowest, highest = bounds.numerators_lower / expected, bounds.numerators_upper / expected
    unsure = sum(not item.certain for item in verdicts)
    allowed, everybody = listing(strata), plural(len(verdicts), "organisation")
    return Insight(
        id=slug(Kind.BETWEEN_SITES, "case mix", measure.id, NETWORK),
        kind=Kind.BETWEEN_SITES,
        statement=statement,
        direction=Direction.NEUTRAL,
        scope=NETWORK,
        scope_name="the network",
        measure=str(measure.ref),
        measure_title=measure.title,
        innovation=None,
        certainty=Confidence(
            level=Certainty.LOW if unsure or hidden else Certainty.MODERATE,
            because="; ".join(
                (
                    f"{unsure} of {everybody} cannot be judged from withheld or rounded counts"
                    if unsure
                    else f"{everybody} with numbers",
                    *([sites_out_words(provenance)] if provenance.sites_out else ()),
                    f"only {allowed} {'is' if len(strata) == 1 else 'are'} allowed for, and in what else patients "
                    "differ is not.",
                )
            ),
            estimate=Estimate(
                value=1.0,
                lower=min(1.0, float(lowest.min())),
                upper=max(1.0, float(highest.max())),
                interval="lowest and highest organisation",
                unit=_UNIT,
            ),
            method=METHOD,
        ),
        comparator=f"Each organisation is compared with what is expected of its own patients over {over}.",
        benefit=None,
        chart=funnel_chart(
            sites=tuple(
                FunnelSite(
                    name=names[at],
                    size=float(funnel.denominators[at]),
                    value=None if np.isnan(funnel.values[at]) else float(funnel.values[at]),
                    bounds=(float(lowest[at]), float(highest[at])),
                    outside=item.certain and item.status is not Outlier.INSIDE,
                    far_outside=item.certain and item.status in (Outlier.HIGH_998, Outlier.LOW_998),
                    limits95=(float(funnel.lower95[at]), float(funnel.upper95[at])),
                    limits998=(float(funnel.lower998[at]), float(funnel.upper998[at])),
                )
                for at, item in enumerate(verdicts)
            ),
            centre=1.0,
            size_title=f"Events expected over {over}",
            title=f"{measure.title}, {_UNIT}, allowing for {allowed}",
            centre_label="As expected",
        ),
        alt_text=(
            f"Funnel plot of observed over expected {inline(measure.title)} for "
            f"{plural(len(verdicts), 'organisation')} against the events expected, with 95% and 99.8% limits about 1. "
            f"{statement}"
        ),
        table=Table(
            columns=(
                "Organisation",
                "ODS code",
                "Events, lowest possible",
                "Events, highest possible",
                "Events expected",
                "Observed over expected",
                "Ratio, lowest possible",
                "Ratio, highest possible",
                "Lower 95% limit",
                "Upper 95% limit",
                "Lower 99.8% limit",
                "Upper 99.8% limit",
                "Outside the limits",
                "Against what is expected",
            ),
            rows=tuple(
                _row(funnel, bounds, verdicts[at], names[at], at)
                for at in sorted(range(len(names)), key=lambda at: names[at])
            ),
        ),
        action=None,
        provenance=provenance,
        notes=(
            f"Expected events are those of a model of all organisations' patients together by {allowed}, fitted to the "
            "counts by group that were sent anyway; nothing else leaves a site for it. Groups are taken to differ in "
            "the same way everywhere.",
            *found.notes,
            *funnel_notes(funnel),
            *((withheld_words(funnel, hidden, len(verdicts)),) if hidden else ()),
            "Limits are those of events that are rare among those counted; where they are common, limits are too wide.",
        ),
    )


def believed_of_ratios(
    found: Adjusted,
    believed: Shrunken,
    *,
    over: str,
    measure: Measure,
    membership: Membership,
    provenance: Provenance,
) -> Insight:
    """Return what is believed of each organisation's ratio, drawn towards the mean by as much as chance makes likely.

    Args:
        found: what was fitted and judged.
        believed: of each organisation, in the same order: observed over expected events.
        over: the time covered, in words.
        measure: what is counted.
        membership: to name the members.
        provenance: where the numbers come from.
    """
    names = [membership.name_of(item.code) for item in found.verdicts]
    typical, allowed, everybody = typical_of(believed), listing(found.strata), plural(len(names), "organisation")
    title = f"{measure.title}, allowing for {allowed} and chance"
    words = apart_words(believed, names, f"{number(typical)} {_UNIT}").removeprefix("allowing for chance: ")
    hidden = int(np.isnan(found.funnel.values).sum())
    above, below = sides(believed)
    return Insight(
        id=slug(Kind.BETWEEN_SITES, "case mix", measure.id, NETWORK, "allowing for chance"),
        kind=Kind.BETWEEN_SITES,
        statement=f"{title}: {words}.",
        direction=Direction.NEUTRAL,
        scope=NETWORK,
        scope_name="the network",
        measure=str(measure.ref),
        measure_title=measure.title,
        innovation=None,
        certainty=Confidence(
            level=Certainty.LOW if hidden or len(names) < FEWEST_FOR_THE_SPREAD else Certainty.MODERATE,
            because=(
                f"the numbers of {everybody}{f', {hidden} of them withheld' if hidden else ''}; "
                f"only {allowed} {'is' if len(found.strata) == 1 else 'are'} allowed for."
            ),
            estimate=Estimate(
                value=typical,
                lower=min(typical, float(believed.values.min())),
                upper=max(typical, float(believed.values.max())),
                interval="lowest and highest organisation, allowing for chance",
                unit=_UNIT,
            ),
            method="empirical-bayes@1",
        ),
        comparator=f"Each organisation is compared with the typical one, {number(typical)} {_UNIT}, over {over}.",
        benefit=None,
        chart=caterpillar_chart(
            rows=caterpillar_rows(
                believed, names, [None if np.isnan(one) else float(one) for one in found.funnel.values], per=1.0
            ),
            typical=typical,
            title=f"{title}, {_UNIT}",
        ),
        alt_text=(
            f"Caterpillar plot of observed over expected {inline(measure.title)} for {everybody}, each drawn towards "
            f"the mean of all, with its 95% interval. {title}: {words}."
        ),
        table=Table(
            columns=(
                "Organisation",
                "ODS code",
                "Observed over expected, allowing for chance",
                "95% interval, lower",
                "95% interval, upper",
                "Weight of its own numbers (%)",
                "Against the typical organisation",
            ),
            rows=tuple(
                (
                    names[at],
                    found.verdicts[at].code,
                    *(tidy(float(one[at])) for one in (believed.values, believed.lower, believed.upper)),
                    tidy(round(100 * float(believed.weights[at]), 1)),
                    "higher" if above[at] else "lower" if below[at] else "cannot be told apart",
                )
                for at in believed.caterpillar()[::-1].tolist()
            ),
        ),
        action=None,
        provenance=provenance,
        notes=(BESIDE_A_FUNNEL, *believed.notes),
    )


def _statement(verdicts: tuple[Verdict, ...], names: list[str], strata: tuple[str, ...], measure: Measure) -> str:
    title = f"{measure.title}, allowing for {listing(strata)}"
    parts = []
    for status, words in ((Outlier.HIGH_998, "more"), (Outlier.LOW_998, "fewer")):
        chosen = [name for name, item in zip(names, verdicts, strict=True) if item.certain and item.status is status]
        if chosen:
            parts.append(f"{words} than expected at {listing(chosen, limit=3)}")
    unsure = sum(not item.certain for item in verdicts)
    tail = f"; {unsure} possibly differ, which cannot be told because counts are withheld or rounded" if unsure else ""
    if not parts:
        return f"{title}: no organisation clearly differs from what is expected of its patients{tail}."
    return f"{title}: {'; '.join(parts)}{tail}."


def _row(funnel: Funnel, bounds: CountBounds, item: Verdict, name: str, at: int) -> tuple[Cell, ...]:
    expected = float(bounds.denominators_lower[at])
    low, high = float(bounds.numerators_lower[at]), float(bounds.numerators_upper[at])
    value = float(funnel.values[at])
    limits = (funnel.lower95, funnel.upper95, funnel.lower998, funnel.upper998)
    return (
        name,
        item.code,
        int(low),
        int(high),
        tidy(expected),
        Mark.WITHHELD if np.isnan(value) else tidy(value),
        tidy(low / expected),
        tidy(high / expected),
        *(tidy(float(limit[at])) for limit in limits),
        str(item.told),
        item.words,
    )
