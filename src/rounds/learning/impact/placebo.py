"""A placebo in time: the same estimator where nothing can have happened yet."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np

from rounds.learning.impact.did import estimate_effect
from rounds.learning.impact.effect import Effect, MeanEffect, NoEffect, Panel
from rounds.learning.impact.identification import check_panel

Found = TypeVar("Found", Effect, MeanEffect)


def placebo(panel: Panel, *, lead: int = 6) -> Effect | NoEffect:
    """Return the effect of pretending that sites adopted `lead` periods before they did.

    Uses periods without the innovation only: at each site that adopts, the last `lead` of them before it went live
    count as treated. Where trends are parallel and nothing was anticipated, the rate ratio's interval holds 1 (19
    times in 20).

    Args:
        panel: the panel whose effect is in question.
        lead: periods to shift by, at least 1.

    Raises:
        ValueError: if `lead` is less than 1 or the panel contradicts itself.
    """
    return pretended(panel, estimate_effect, lead=lead)


def pretended(panel: Panel, estimate: Callable[[Panel], Found | NoEffect], *, lead: int) -> Found | NoEffect:
    """Return what an estimator finds in a panel in which sites adopted `lead` periods before they did.

    Args:
        panel: as in `placebo`.
        estimate: the estimator.
        lead: as in `placebo`.

    Raises:
        ValueError: as `placebo`.
    """
    if lead < 1:
        raise ValueError(f"a placebo needs a lead of at least 1 period, not {lead}")
    check_panel(panel)
    touched = panel.treated | panel.excluded
    earlier = np.zeros_like(panel.treated)
    for row in np.flatnonzero(panel.treated.any(axis=1)):
        first = int(np.argmax(touched[row]))
        earlier[row, max(first - lead, 0) : first] = True
    if not earlier.any():
        return NoEffect(reason="No site adopts after the first period, so there is no time before to pretend in.")
    found = estimate(replace(panel, treated=earlier, excluded=touched))
    shift = "1 period" if lead == 1 else f"{lead} periods"
    if isinstance(found, NoEffect):
        return NoEffect(reason=f"Pretending {shift} earlier: {found.reason}")
    return replace(found, method=f"{found.method}; placebo {shift} earlier")
