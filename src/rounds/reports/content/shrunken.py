"""What is believed of each organisation, allowing for chance: a caterpillar plot beside the funnel."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rounds.learning.variation.between_sites.shrunken import Shrunken
from rounds.learning.variation.case_mix.families import mean
from rounds.measures.definitions import Measure
from rounds.network.members import Membership
from rounds.reports.charts.caterpillar import CaterpillarRow, caterpillar_chart
from rounds.reports.content.cells import rate_cells, rate_columns, tidy, withheld_note
from rounds.reports.content.observed import Observed
from rounds.reports.content.wording import (
    NETWORK,
    better_words,
    inline,
    listing,
    plural,
    rate_noun,
    rate_text,
    rate_unit,
    sites_out_words,
    slug,
)
from rounds.reports.insight import Certainty, Confidence, Direction, Estimate, Insight, Kind, Provenance, Table

FEWEST_FOR_THE_SPREAD = 20
"""With fewer organisations how much they differ is uncertain itself: intervals were too narrow in a simulation."""

BESIDE_A_FUNNEL = (
    "The intervals allow for chance alone. A funnel's limits also allow for the differences that organisations have "
    "anyway, so many may differ from the typical one and none lie outside the funnel: that asks why all differ, and "
    "not what is wrong with one."
)


def typical_of(found: Shrunken) -> float:
    """Return the proportion or rate of an organisation in the middle of all, of which nothing is known."""
    return float(mean(found.population.family, np.array([found.population.level]), np.ones(1))[0])


def sides(found: Shrunken) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return whose whole interval lies above, and whose below, the typical organisation; shape (organisations,)."""
    typical = typical_of(found)
    differ = found.population.spread > 0
    return differ & (found.lower > typical), differ & (found.upper < typical)


def allowing_for_chance(
    *,
    found: Shrunken,
    members: tuple[str, ...],
    observed: tuple[Observed, ...],
    over: str,
    measure: Measure,
    membership: Membership,
    provenance: Provenance,
) -> Insight:
    """Return what is believed of each organisation, drawn towards the mean by as much as chance makes likely.

    Args:
        found: values as proportions or rates per 1, shape (organisations,).
        members: ODS codes, in that order.
        observed: the counts of each, in that order.
        over: the time covered, in words.
        measure: what is counted.
        membership: to name the members.
        provenance: where the numbers come from.

    Raises:
        ValueError: if values, members and counts differ in length.
    """
    if not len(members) == len(observed) == found.values.size:
        raise ValueError(f"{measure.id}: values, members and counts differ in length")
    per, typical = measure.scale, measure.scale * typical_of(found)
    names = [membership.name_of(code) for code in members]
    above, below = sides(found)
    order = found.caterpillar()[::-1].tolist()
    statement = f"{measure.title}, {apart_words(found, names, rate_text(typical, measure))}."
    hidden = sum(item.withheld for item in observed)
    return Insight(
        id=slug(Kind.BETWEEN_SITES, measure.id, NETWORK, "allowing for chance"),
        kind=Kind.BETWEEN_SITES,
        statement=statement,
        direction=Direction.NEUTRAL,
        scope=NETWORK,
        scope_name="the network",
        measure=str(measure.ref),
        measure_title=measure.title,
        innovation=None,
        certainty=_confidence(found, hidden, typical, measure, provenance),
        comparator=f"Each organisation is compared with the typical one, {rate_text(typical, measure)}, over {over}.",
        benefit=None,
        chart=caterpillar_chart(
            rows=caterpillar_rows(found, names, [item.rate(per) for item in observed], per=per),
            typical=typical,
            title=f"{measure.title}, {rate_unit(measure)}, allowing for chance ({better_words(measure.better)})",
        ),
        alt_text=(
            f"Caterpillar plot of {inline(measure.title)} for {plural(len(members), 'organisation')}, from the highest "
            f"to the lowest: each {rate_noun(measure)} drawn towards the mean of all, with its 95% interval, beside "
            f"the {rate_noun(measure)} as counted. {statement}"
        ),
        table=Table(
            columns=(
                "Organisation",
                "ODS code",
                f"Allowing for chance ({rate_unit(measure)})",
                "95% interval, lower",
                "95% interval, upper",
                "Weight of its own numbers (%)",
                "Against the typical organisation",
                *rate_columns(measure),
            ),
            rows=tuple(
                (
                    names[at],
                    members[at],
                    *(tidy(per * float(one[at])) for one in (found.values, found.lower, found.upper)),
                    tidy(round(100 * float(found.weights[at]), 1)),
                    "higher" if above[at] else "lower" if below[at] else "cannot be told apart",
                    *rate_cells(observed[at], measure),
                )
                for at in order
            ),
        ),
        action=None,
        provenance=provenance,
        notes=(BESIDE_A_FUNNEL, *found.notes, *withheld_note(observed, "organisation")),
    )


def apart_words(found: Shrunken, names: Sequence[str], typical: str) -> str:
    """Return in words who lies clearly apart from the typical organisation.

    Args:
        found: what is believed of each.
        names: of the organisations, in its order.
        typical: the typical organisation's rate, with its unit.
    """
    above, below = sides(found)
    everybody, apart = plural(len(names), "organisation"), int(above.sum() + below.sum())
    if not apart:
        return f"allowing for chance: none of {everybody} can be told apart from the typical {typical}"
    upwards = found.caterpillar().tolist()
    parts = []
    for which, word, order in ((above, "above", upwards[::-1]), (below, "below", upwards)):
        chosen = [names[at] for at in order if which[at]]
        if chosen:
            parts.append(f"{len(chosen)} {word} ({listing(chosen, limit=3)})")
    differ = "differs" if apart == 1 else "differ"
    return (
        f"allowing for chance: {apart} of {everybody} {differ} from the typical {typical}, ordinary differences "
        f"included, {' and '.join(parts)}"
    )


def caterpillar_rows(
    found: Shrunken, names: Sequence[str], counted: Sequence[float | None], *, per: float
) -> tuple[CaterpillarRow, ...]:
    """Return what a caterpillar plot shows, the highest first.

    Args:
        found: what is believed of each.
        names: of the organisations, in its order.
        counted: their own rates, per `per`; None where withheld.
        per: rates are per this many.
    """
    above, below = sides(found)
    return tuple(
        CaterpillarRow(
            name=names[at],
            counted=counted[at],
            value=per * float(found.values[at]),
            lower=per * float(found.lower[at]),
            upper=per * float(found.upper[at]),
            apart=bool(above[at] or below[at]),
        )
        for at in found.caterpillar()[::-1].tolist()
    )


def _confidence(found: Shrunken, hidden: int, typical: float, measure: Measure, provenance: Provenance) -> Confidence:
    count, per = found.values.size, measure.scale
    few = count < FEWEST_FOR_THE_SPREAD
    told = f"the numbers of {plural(count, 'organisation')}" + (f", {hidden} of them withheld" if hidden else "")
    because = "; ".join(
        (
            told,
            *(["so few tell little of how much organisations differ"] if few else ()),
            *([sites_out_words(provenance)] if provenance.sites_out else ()),
            "an organisation's interval allows for chance and for how little is known of all; case mix is not "
            "adjusted for.",
        )
    )
    return Confidence(
        level=Certainty.LOW if few or hidden else Certainty.MODERATE,
        because=because,
        estimate=Estimate(
            value=typical,
            lower=min(typical, per * float(found.values.min())),
            upper=max(typical, per * float(found.values.max())),
            interval="lowest and highest organisation, allowing for chance",
            unit=rate_unit(measure),
        ),
        method="empirical-bayes@1",
    )
