"""The plan of a rollout: which site is to have the innovation when, and how much of the plan would be enough."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rounds.learning.impact.identification import Mask

WANTED = 0.8
"""The power that is customary to ask for."""


def check_plan(sites: tuple[str, ...], starts: dict[str, int], ahead: int) -> None:
    """Raise ValueError if a plan is of sites without a past, begins in the past, or nothing is counted after it."""
    if ahead < 1:
        raise ValueError("at least one future period must be counted")
    if strangers := sorted(set(starts) - set(sites)):
        raise ValueError(f"the plan names {', '.join(strangers)}, of which there are no past numbers")
    if any(start < 0 for start in starts.values()):
        raise ValueError("a site cannot take it up before the first future period; leave out the time that has passed")


def laid_out(sites: tuple[str, ...], starts: dict[str, int], *, past: int, ahead: int) -> tuple[Mask, Mask]:
    """Return who has the innovation when, and where that can be compared, shape (sites, past + ahead)."""
    treated = np.zeros((len(sites), past + ahead), dtype=np.bool_)
    for site, start in starts.items():
        treated[sites.index(site), past + start :] = True
    return treated, treated & np.asarray((~treated).any(axis=0))[None, :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """What would be enough to find an effect with 80 % power; None where nothing that was tried is."""

    periods: int | None
    """future periods to count, with the sites of the plan"""
    sites: int | None
    """sites of the plan, in their order, in the periods of the plan; the others stay without"""


def enough_of(
    sites: tuple[str, ...],
    starts: dict[str, int],
    *,
    ahead: int,
    most_periods: int,
    enough: Callable[[dict[str, int], int], bool],
) -> Needed:
    """Return the fewest periods with all sites of a plan, and the fewest of its sites in its periods, that are enough.

    Args:
        sites: of the network, in order.
        starts: as planned.
        ahead: as planned.
        most_periods: no longer than this is looked for.
        enough: whether so many of the starts and so many periods are.
    """
    in_order = sorted(starts, key=lambda site: (starts[site], sites.index(site)))
    return Needed(
        periods=_first(lambda periods: enough(starts, periods), most_periods),
        sites=_first(lambda many: enough({site: starts[site] for site in in_order[:many]}, ahead), len(in_order)),
    )


def _first(enough: Callable[[int], bool], most: int) -> int | None:
    """Return the least number that is enough, 1 to `most`: power need not rise with it, so all are tried in turn."""
    return next((number for number in range(1, most + 1) if enough(number)), None)
