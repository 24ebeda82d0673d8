"""What a round was asked and cannot speak of: said on its pages, never passed over."""

from collections.abc import Sequence
from datetime import date

from rounds.measures.definitions import Measure
from rounds.network.innovations import Innovation
from rounds.reports.content.wording import inline, listing, quoted, rate_noun


def silent_measure(measure: Measure, *, sites: int, cells: int, first: date, last: date) -> str:
    """Return why nothing is said of a measure.

    Args:
        measure: what was asked.
        sites: how many sites answered it.
        cells: how many numbers were in their answers; each denominator among them is 0.
        first: the round's first day.
        last: its last.
    """
    span = f"from {first.day} {first:%B %Y} to {last.day} {last:%B %Y}"
    if not sites:
        why = "no site that was asked for it has answered"
    elif not cells:
        why = f"the answers hold no number {span}"
    else:
        why = f"no site has any {measure.denominator_unit} {span}, so there is no {rate_noun(measure)}"
    return f"Nothing is said of {inline(measure.title)}: {why}."


def silent_pooled(measure: Measure, *, answered: bool) -> str:
    """Return why there is no sum over all sites of a measure.

    Args:
        measure: what was asked.
        answered: whether all sites that were asked have answered.
    """
    why = (
        f"it has hardly any {measure.denominator_unit}" if answered else "not all sites asked for its sum have answered"
    )
    return f"Nothing is said of {inline(measure.title)}: {why}."


def silent_score_table(measure: Measure, why: str) -> str:
    """Return why a score table says nothing."""
    return f"How well the score warns of {inline(measure.title)} is not told: {why.rstrip('.')}."


def silent_need(need: Measure, use: Measure, by: str, why: str) -> str:
    """Return why need less use is not told."""
    return f"{need.title} less {inline(use.title)} by {by} is not told: {why}."


def silent_case_mix(measure: Measure, strata: Sequence[str], why: str) -> str:
    """Return why organisations are not compared allowing for who their patients are."""
    return f"{measure.title} allowing for {listing(strata)} is not told: {why}."


def silent_outcome(innovation: Innovation, measure: Measure) -> str:
    """Return that an innovation cannot be judged by a measure that is silent."""
    return (
        f"Whether {quoted(innovation.title)} changed {inline(measure.title)} cannot be said, because that measure has "
        "no rate in this round."
    )
