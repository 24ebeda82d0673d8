"""Before and after adoption, step by step, and how far trends may differ before a finding falls."""

import numpy as np

from rounds.learning.impact.panel.event_study import EventStudy
from rounds.learning.impact.panel.pre_trend import Drift
from rounds.learning.impact.panel.run import DidItWork
from rounds.learning.impact.panel.sensitivity import MAGNITUDES, Sensitivity
from rounds.reports.charts.event_study import EventPoint, event_study_chart
from rounds.reports.content.cells import tidy
from rounds.reports.content.impact_words import UNLIKELY, Setting, Words
from rounds.reports.content.wording import plural
from rounds.reports.insight import Cell, Exhibit, Table


def before_and_after(found: DidItWork, study: EventStudy, setting: Setting) -> Exhibit:
    """Return the steps before and after adoption, with what tests of them and their sensitivity say in words."""
    words = setting.words
    shown = words.scale.shown

    def both(ends: tuple[float, float]) -> tuple[float, float]:
        return shown(ends[0]), shown(ends[1])

    points = tuple(
        EventPoint(
            middle=(step.first + step.last) / 2,
            value=shown(step.value),
            pointwise=both(step.pointwise),
            simultaneous=both(step.simultaneous),
        )
        for step in study.steps
    )
    width = plural(study.width, setting.period)
    rows: list[tuple[Cell, ...]] = [
        (
            f"{step.first} to {step.last}",
            tidy(shown(step.value)),
            *(tidy(end) for end in (*both(step.pointwise), *both(step.simultaneous))),
            step.sites,
        )
        for step in study.steps
    ]
    return Exhibit(
        name="Before and after",
        title=_before_words(found, study),
        chart=event_study_chart(
            points=points,
            reference=-(study.width + 1) / 2,
            unit=f"{setting.period}s",
            title=f"{setting.subject}: steps of {width} against the last before adoption ({setting.better})",
            ratios=words.shown_in is None,
        ),
        alt_text=(
            f"Event study in steps of {width}, {words.effect.lower()} to the last step before adoption: "
            + "; ".join(f"from {step.first} to {step.last}, {shown(step.value):.2f}" for step in study.steps)
            + "."
        ),
        table=Table(
            columns=(
                f"{setting.period.capitalize()}s from adoption",
                words.effect,
                "Lower, this step",
                "Upper, this step",
                "Lower, all steps",
                "Upper, all steps",
                "Adopting sites",
            ),
            rows=tuple(rows),
        ),
        notes=_before_notes(found, setting),
    )


def _before_words(found: DidItWork, study: EventStudy) -> str:
    drift, steps = found.drift, found.together
    moving = isinstance(drift, Drift) and drift.p_value < UNLIKELY
    uneven = steps is not None and steps.p_value < UNLIKELY
    if moving or uneven:
        return "Sites that adopted were already moving apart from the others before they did."
    if isinstance(drift, str) and steps is None:
        return "Whether sites that adopted were already on another path cannot be tested."
    later = [step for step in study.steps if step.first >= 0]
    if later and all(step.simultaneous[1] < 0 or step.simultaneous[0] > 0 for step in later):
        return "Before adoption no difference was found; afterwards there is one in every step."
    return "Before adoption no difference was found, as far as the data can tell."


def _chance(p_value: float) -> str:
    return "p < 0.01" if p_value < 0.01 else f"p = {p_value:.2f}"


def _before_notes(found: DidItWork, setting: Setting) -> tuple[str, ...]:
    notes = ["Thick bars hold for each step alone 95 times in 100; thin ones for all steps together."]
    if found.together is not None:
        notes.append(
            f"The {plural(found.together.steps, 'step')} before adoption, tested together: "
            f"{_chance(found.together.p_value)}."
        )
    drift, words = found.drift, setting.words
    if isinstance(drift, Drift):
        notes.append(
            f"Before adoption, adopters moved {words.pace(drift.per_period)} a {setting.period} against sites that "
            f"never adopt (95% CI {words.pace(drift.lower)} to {words.pace(drift.upper)}; {_chance(drift.p_value)})."
        )
        notes.append(
            f"That test would notice a drift of {words.pace(drift.detectable).removeprefix('+')} a {setting.period} 4 "
            f"times in 5. A smaller one can hide; one just as large would look like "
            f"{words.change(words.scale.shown(-drift.hidden))} by itself."
        )
    else:
        notes.append(f"A drift apart from sites that never adopt cannot be tested: {drift}.")
    told = found.sensitivity
    if isinstance(told, Sensitivity):
        notes += _sensitivity_notes(told, words)
    else:
        notes.append(f"How far trends may differ before the finding falls cannot be told: {told}.")
    return tuple(notes)


def _sensitivity_notes(told: Sensitivity, words: Words) -> list[str]:
    mean = f"Over all steps after adoption, {words.change(words.scale.shown(told.value))}"
    if told.parallel.lower <= 0 <= told.parallel.upper:
        return [f"{mean}, which cannot be told from no change even if trends were parallel."]
    limit = told.relative_breakdown
    says = (
        f"{mean}. That stands as long as no step after adoption departs from parallel trends by more than "
        f"{limit:.1f} times the largest step seen before it"
        if np.isfinite(limit)
        else f"{mean}. No departure of up to 100 times the largest step seen before adoption undoes that"
    )
    notes = [f"{says} (a cautious bound; {MAGNITUDES[1]:.0f} is a common yardstick)."]
    if told.smooth:
        line = told.smooth[0]
        if line.lower <= 0 <= line.upper:
            notes.append("A drift along a straight line that began before adoption could explain it.")
        else:
            notes.append(
                "A drift along a straight line that began before adoption would not explain it; the line would have "
                f"to bend by more than {words.pace(told.smooth_breakdown).removeprefix('+')} from each step to the "
                "next."
            )
    return notes
