"""What other estimators and the checks say beside the leading estimate, in words, charts and tables."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rounds.learning.impact.effect import Interval, NoEffect
from rounds.learning.impact.panel.agreement import Difference
from rounds.learning.impact.panel.estimate import Estimate as PanelEstimate
from rounds.learning.impact.panel.estimate import NoEstimate
from rounds.learning.impact.panel.pre_trend import Drift
from rounds.learning.impact.panel.run import DidItWork
from rounds.learning.impact.panel.space import SpacePlacebo
from rounds.reports.charts.forest import APART, BESIDE, LEADING, ForestRow, forest_chart
from rounds.reports.content.before_after import before_and_after
from rounds.reports.content.cells import tidy
from rounds.reports.content.impact_words import RATIOS, UNLIKELY, Setting, Words, is_change, main_effect
from rounds.reports.content.wording import listing, plural
from rounds.reports.insight import Cell, Exhibit, Mark, Table

NameOf = Callable[[str], str]
_SHARE_OF_EFFECT = 0.5
_COLUMNS = ("Lower", "Upper", "Against the leading one", "Lower, against it", "Upper, against it", "Remark")


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Something in the panel that makes a finding less certain."""

    words: str
    grave: bool


def doubts_of(found: DidItWork, words: Words = RATIOS) -> tuple[Doubt, ...]:
    """Return what in the panel speaks against the leading estimate, the estimators' disagreement first."""
    doubts = []
    apart = () if found.agreement is None else found.agreement.flagged
    if apart:
        names = listing([one.name for one in apart])
        doubts.append(Doubt(words=f"other estimators disagree ({names}), so find out why", grave=False))
    drift, effect = found.drift, found.scale.value_of(main_effect(found.effect).estimate)
    if isinstance(drift, Drift) and drift.p_value < UNLIKELY:
        share = drift.adding_up_to / effect if effect else 0.0
        adds = f"which alone would amount to {words.change(words.scale.shown(drift.adding_up_to))}"
        doubts.append(
            Doubt(
                words=f"adopting sites were moving apart from the others before they adopted, {adds}",
                grave=share > _SHARE_OF_EFFECT,
            )
        )
    if isinstance(drift, str):
        untold = f"whether sites that adopt were moving apart from the others cannot be tested ({drift})"
        doubts.append(Doubt(words=untold, grave=False))
    if found.together is not None and found.together.p_value < UNLIKELY:
        doubts.append(Doubt(words="the steps before adoption are not level", grave=False))
    space = found.placebo_in_space
    if isinstance(space, SpacePlacebo) and space.p_value > UNLIKELY and is_change(found.effect):
        at_random = f"adoption dealt out at random looks as strong {space.p_value:.0%} of the time"
        doubts.append(Doubt(words=at_random, grave=False))
    return tuple(doubts)


def support_of(found: DidItWork) -> str | None:
    """Return, in a clause, that other estimators agree; None where none applies or one does not."""
    if found.agreement is None or found.agreement.flagged:
        return None
    number = len(found.agreement.differences)
    return f"{plural(number, 'other estimator')} cannot be told apart from it"


def exhibits_of(found: DidItWork, setting: Setting, name_of: NameOf = str) -> tuple[Exhibit, ...]:
    """Return the charts and tables of the panel: the estimators compared, and before and after adoption.

    Args:
        found: the panel.
        setting: what it is about.
        name_of: gives a site's name.
    """
    compared = _compared(found, setting, name_of)
    study = found.event_study
    return (compared,) if isinstance(study, str) else (compared, before_and_after(found, study, setting))


def _compared(found: DidItWork, setting: Setting, name_of: NameOf) -> Exhibit:
    applied = [one for one in found.estimates if isinstance(one, PanelEstimate)]
    differences = {} if found.agreement is None else {one.name: one for one in found.agreement.differences}
    rows = tuple(
        ForestRow(
            name=one.name,
            value=one.effect.estimate,
            lower=one.effect.lower,
            upper=one.effect.upper,
            state=LEADING
            if one is applied[0]
            else APART
            if one.name in differences and differences[one.name].flagged
            else BESIDE,
        )
        for one in applied
    )
    title, words = _agreement_words(found, setting.words), setting.words
    return Exhibit(
        name="Estimators",
        title=title,
        chart=forest_chart(
            rows=rows,
            title=f"{setting.subject}: what each estimator says ({setting.better})",
            axis=words.axis,
            ratios=words.shown_in is None,
        ),
        alt_text=(
            f"Forest chart of {plural(len(rows), 'estimate')} of the {words.effect.lower()} with 95% confidence "
            "intervals: "
            + "; ".join(f"{row.name} {row.value:.2f} ({row.lower:.2f} to {row.upper:.2f})" for row in rows)
            + "."
        ),
        table=Table(
            columns=("What", words.effect, *_COLUMNS),
            rows=(*(_estimate_row(one, differences) for one in found.estimates), *_check_rows(found, name_of)),
        ),
        notes=_compared_notes(found, name_of, words),
    )


def _agreement_words(found: DidItWork, words: Words) -> str:
    others = [one for one in found.estimates[1:] if isinstance(one, PanelEstimate)]
    if not others:
        return "No other estimator can be put beside this one."
    effects = sorted(one.effect.estimate for one in (found.estimates[0], *others) if isinstance(one, PanelEstimate))
    span = f"between {words.change(effects[0])} and {words.change(effects[-1])}"
    if found.agreement is None:
        return f"{plural(len(others) + 1, 'estimator')} say {span}; too few sites have it to judge if they agree."
    apart = found.agreement.flagged
    if not apart:
        return f"{plural(len(others) + 1, 'estimator')} say {span}, and none disagrees with the leading one."
    names = listing([one.name for one in apart])
    return f"Estimators disagree: they say {span}, and {names} not what the leading one does."


_NONE = (Mark.NOT_AVAILABLE,) * 3


def _estimate_row(one: PanelEstimate | NoEstimate, differences: dict[str, Difference]) -> tuple[Cell, ...]:
    if isinstance(one, NoEstimate):
        return (one.name, *_NONE, *_NONE, f"does not apply: {one.reason}")
    apart = differences.get(one.name)
    against: tuple[Cell, ...] = (Mark.NOT_APPLICABLE,) * 3 if apart is None else _cells(apart.apart)
    verdict = "" if apart is None else "disagrees. " if apart.flagged else "does not disagree. "
    left_out = f" {one.left_out[0].upper()}{one.left_out[1:]}." if one.left_out else ""
    return (one.name, *_cells(one.effect), *against, f"{verdict}{one.assumes}{left_out} Method: {one.method}")


def _cells(interval: Interval) -> tuple[Cell, ...]:
    return tidy(interval.estimate), tidy(interval.lower), tidy(interval.upper)


def _check_rows(found: DidItWork, name_of: NameOf) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    blank: tuple[Cell, ...] = (Mark.NOT_APPLICABLE,) * 3
    placebo = found.placebo_in_time
    if not isinstance(placebo, NoEffect):
        remark = f"should include {found.scale.none:.0f}"
        rows.append(("Placebo in time", *_cells(main_effect(placebo)), *blank, remark))
    space = found.placebo_in_space
    if isinstance(space, SpacePlacebo):
        ends = [found.scale.shown(float(end)) for end in np.quantile(space.values, [0.5, 0.025, 0.975])]
        remark = f"middle and 95% range of {space.runs} runs; p = {space.p_value:.3f}, at least {space.smallest:.3f}"
        rows.append(("Placebos in space", *(tidy(end) for end in ends), *blank, remark))
    rows += [
        (
            f"Without {name_of(one.site)}",
            tidy(one.effect),
            Mark.NOT_AVAILABLE,
            Mark.NOT_AVAILABLE,
            *blank,
            "leading",
        )
        for one in found.influential
    ]
    if found.two_way is not None:
        remark = f"looked at only; {found.two_way.negative_weights:.0%} of its weights are below 0"
        if found.two_way.late_against_early is not None:
            remark += f"; {found.two_way.late_against_early:.0%} of it compares with sites that already had it"
        rows.append(
            (
                "Two-way fixed effects",
                tidy(found.two_way.effect),
                Mark.NOT_AVAILABLE,
                Mark.NOT_AVAILABLE,
                *blank,
                remark,
            )
        )
    return rows


def _compared_notes(found: DidItWork, name_of: NameOf, words: Words) -> tuple[str, ...]:
    why = (
        "it alone works on what is known of counts"
        if words.shown_in is None
        else "it uses every period without the innovation, and so varies least where trends are parallel"
    )
    notes = [f"No estimator is chosen by its result: the first leads because {why}."]
    if found.draws > 1:
        notes.append(
            f"{found.withheld_share:.0%} of the counts are known between bounds. The other estimators take no bounds; "
            f"they were run on {found.draws} completed sets of counts, drawn from within the bounds, and their "
            "intervals allow for what is not known."
        )
    if found.agreement is not None:
        notes.append(
            "An estimator disagrees if its difference from the leading one is larger than sites, left out one by one, "
            "make likely; of panels in which all is well, fewer than 1 in 20 are flagged."
        )
    if found.agreement is not None and found.agreement.flagged:
        notes.append(
            "Usual reasons: the effect fades or grows, it differs between early and late adopters or large and small "
            "sites, or adopters were on another path already."
        )
    space = found.placebo_in_space
    if isinstance(space, SpacePlacebo):
        notes.append(
            f"Adoption was dealt out at random {space.runs} times among {space.sites} sites' time without it: "
            f"{_as_often(space)} (p = {space.p_value:.3f}; it cannot be below {space.smallest:.3f})."
        )
    elif isinstance(space, str):
        notes.append(f"No placebo in space: {space}.")
    if found.influential:
        first = found.influential[0]
        notes.append(
            f"The site that moves the estimate most is {name_of(first.site)}: without it, {words.change(first.effect)}."
        )
    return tuple(notes)


def _as_often(space: SpacePlacebo) -> str:
    return f"{space.as_far or 'none'} of them looked as strong as the real one"
