"""Members compared with what a model of all members' patients expects of theirs, from the strata that they sent."""

from typing import Final

import numpy as np
import polars as pl

from rounds.centre.funnels import FEWEST_MEMBERS_FOR_A_FUNNEL
from rounds.centre.pooled_measure import PooledMeasure
from rounds.disclosure.bounded import State
from rounds.learning.variation.between_sites.bulk import FunnelKind
from rounds.learning.variation.between_sites.partly_hidden import funnel_partly_hidden
from rounds.learning.variation.between_sites.shrunken import comparable, shrunken
from rounds.learning.variation.between_sites.within_bounds import CountBounds, places_of
from rounds.learning.variation.case_mix.families import Family
from rounds.learning.variation.case_mix.grouped import WIDEST_SIZE, GroupedCounts, GroupedFit, fit_grouped
from rounds.measures.kinds import CountKind
from rounds.measures.strata import Stratum
from rounds.network.members import Membership
from rounds.reports.content.case_mix import Adjusted, allowing_for_case_mix, believed_of_ratios
from rounds.reports.content.silences import silent_case_mix
from rounds.reports.content.verdicts import verdicts_within
from rounds.reports.insight import Insight, Provenance

OF_PATIENTS: Final = (Stratum.AGE_BAND, Stratum.SEX, Stratum.ETHNICITY, Stratum.DEPRIVATION)
"""Strata that say who the patients are; the others say where they were."""
LEAST_KNOWN: Final = 0.8
"""Of all people, visits or days: the share in groups whose size is known well enough to be in the model."""
_QUANTITIES = ("numerator_lower", "numerator_upper", "denominator_lower", "denominator_upper")


def case_mix_insights(
    found: PooledMeasure, *, membership: Membership, provenance: Provenance
) -> tuple[tuple[Insight, ...], tuple[str, ...]]:
    """Return how members compare with what is expected of their patients, or why that cannot be told.

    Nothing of a measure that is not split by who the patients are, and of means.

    Args:
        found: the pooled measure.
        membership: to name the members.
        provenance: where the numbers come from.
    """
    measure, recent = found.measure, found.in_recent(found.cells)
    strata = [stratum for stratum in measure.strata if stratum in OF_PATIENTS]
    if not strata or measure.kind is CountKind.MEAN or recent["member"].n_unique() < FEWEST_MEMBERS_FOR_A_FUNNEL:
        return (), ()
    cells = recent.filter(pl.col("denominator_upper") > 0)

    def untold(why: str) -> tuple[tuple[Insight, ...], tuple[str, ...]]:
        return (), (silent_case_mix(measure, [stratum.replace("_", " ") for stratum in strata], why),)

    if cells.select(pl.col("numerator_state", "denominator_state").is_in([State.NOISY.value]).any()).row(0) != (
        False,
        False,
    ):
        return untold("noise was added to the counts")
    middle = (cells["denominator_lower"] + cells["denominator_upper"]) / 2
    vague = cells["denominator_upper"] - cells["denominator_lower"] > WIDEST_SIZE * middle
    if float(middle.filter(~vague).sum()) < LEAST_KNOWN * float(middle.sum()):
        return untold("how many are in the groups is withheld or too small to be told from its rounding")
    names, columns = _design(cells, [str(stratum) for stratum in strata])
    lower, upper, smallest, largest = (cells[name].to_numpy().astype(float) for name in _QUANTITIES)
    family = Family.POISSON if measure.kind is CountKind.RATE else Family.BINOMIAL
    if family is Family.BINOMIAL:
        lower, upper = np.minimum(lower, largest), np.minimum(upper, largest)
    fit = fit_grouped(
        GroupedCounts(
            names=names,
            columns=columns,
            events_lower=lower,
            events_upper=upper,
            size_lower=smallest,
            size_upper=largest,
            family=family,
        )
    )
    if fit.model.reason is not None:
        return untold(fit.model.reason.rstrip("."))
    sums = _by_member(cells, fit)
    if sums.height < FEWEST_MEMBERS_FOR_A_FUNNEL:
        return untold(f"fewer than {FEWEST_MEMBERS_FOR_A_FUNNEL} organisations have numbers by group")
    funnel = funnel_partly_hidden(
        kind=FunnelKind.RATIO_CQC,
        numerators=sums["events"].fill_null(np.nan).to_numpy(),
        denominators=sums["expected"].to_numpy(),
        expected=sums["given"].to_numpy(),
        information=sums["information"].to_numpy(),
        fewest=FEWEST_MEMBERS_FOR_A_FUNNEL,
    )
    if funnel is None:
        return untold("too much is withheld to tell how organisations differ")
    expected = sums["expected"].to_numpy()
    bounds = CountBounds(
        numerators_lower=sums["lower"].to_numpy(),
        numerators_upper=sums["upper"].to_numpy(),
        denominators_lower=expected,
        denominators_upper=expected,
    )
    adjusted = Adjusted(
        funnel=funnel,
        verdicts=verdicts_within(tuple(sums["member"]), places_of(funnel, bounds)),
        bounds=bounds,
        strata=tuple(stratum.replace("_", " ") for stratum in strata),
        notes=fit.notes,
    )
    over = found.recent_words
    said = [allowing_for_case_mix(adjusted, over=over, measure=measure, membership=membership, provenance=provenance)]
    lowest, highest, ratio = bounds.numerators_lower, bounds.numerators_upper, Family.POISSON
    if comparable(events_lower=lowest, events_upper=highest, sizes=expected, family=ratio):
        believed = shrunken(events_lower=lowest, events_upper=highest, sizes=expected, family=ratio)
        said.append(
            believed_of_ratios(
                adjusted, believed, over=over, measure=measure, membership=membership, provenance=provenance
            )
        )
    return tuple(said), ()


def _design(cells: pl.DataFrame, strata: list[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Return an additive model: a column of 1, and one for each level but the one with most people."""
    names, columns = ["level"], [np.ones(cells.height)]
    for stratum in strata:
        people = cells.group_by(stratum).agg(pl.col("denominator_upper").sum()).sort("denominator_upper", stratum)
        for level in people[stratum].to_list()[:-1]:
            names.append(f"{stratum.replace('_', ' ')} {level}")
            columns.append((cells[stratum] == level).to_numpy().astype(float))
    return tuple(names), np.column_stack(columns)


def _by_member(cells: pl.DataFrame, fit: GroupedFit) -> pl.DataFrame:
    """Return observed and expected events by member, over the cells that are in the model."""
    value = pl.when(pl.col("numerator_state") == State.WITHHELD.value).then(None).otherwise(pl.col("numerator_value"))
    told = (
        cells.with_columns(
            value=value.cast(pl.Float64),
            expected=pl.Series(fit.expected),
            given=pl.Series(fit.given),
            within=pl.Series(fit.within),
        )
        .filter(~pl.Series(fit.left_out))
        .group_by("member", maintain_order=True)
        .agg(
            events=pl.when(pl.col("value").is_not_null().all()).then(pl.col("value").sum()),
            lower=pl.col("numerator_lower").sum().cast(pl.Float64),
            upper=pl.col("numerator_upper").sum().cast(pl.Float64),
            expected=pl.col("expected").sum(),
            given=pl.col("given").sum(),
            within=pl.col("within").sum(),
        )
        .filter(pl.col("expected") > 0)
    )
    left = 1 - pl.col("within") / pl.col("expected")
    return told.with_columns(information=pl.when(pl.col("within") > 0).then(left.clip(0, 1)).otherwise(1.0))
