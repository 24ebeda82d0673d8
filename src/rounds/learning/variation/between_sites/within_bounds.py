"""Where organisations lie against a funnel's limits whatever withheld and rounded counts truly are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rounds.learning.variation.between_sites.bulk import FunnelKind, Funnels
from rounds.learning.variation.between_sites.funnel import Funnel, limits_of
from rounds.learning.variation.between_sites.limits import Matrix, Places, Scale, Vector, limits_on, places


@dataclass(frozen=True, slots=True, kw_only=True)
class CountBounds:
    """Lowest and highest counts, shape (organisations,) or (measures, organisations); equal where they are exact."""

    numerators_lower: Matrix
    numerators_upper: Matrix
    denominators_lower: Matrix
    denominators_upper: Matrix

    def __post_init__(self) -> None:
        shapes = {
            part.shape
            for part in (
                self.numerators_lower,
                self.numerators_upper,
                self.denominators_lower,
                self.denominators_upper,
            )
        }
        if len(shapes) != 1:
            raise ValueError("bounds differ in shape: give a lower and an upper one of each count")
        for low, high, what in (
            (self.numerators_lower, self.numerators_upper, "numerator"),
            (self.denominators_lower, self.denominators_upper, "denominator"),
        ):
            if ((low < 0) | (low > high)).any():
                raise ValueError(f"a {what} has bounds below 0 or out of order")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacesWithin:
    """The lowest and highest place that each organisation can have. Arrays have the shape of the bounds."""

    lowest: Places
    highest: Places

    @property
    def certain(self) -> NDArray[np.bool_]:
        """Outside the 95 % limits on one side for every value within the bounds."""
        found: NDArray[np.bool_] = (self.lowest > 0) | (self.highest < 0)
        return found

    @property
    def possible(self) -> NDArray[np.bool_]:
        """Outside for some values, and not for all."""
        found: NDArray[np.bool_] = ~self.certain & ((self.lowest < 0) | (self.highest > 0))
        return found

    def signals(self) -> NDArray[np.str_]:
        """Return certain, possible or no, of each."""
        return np.where(self.certain, "certain", np.where(self.possible, "possible", "no"))


def places_within(funnels: Funnels, bounds: CountBounds) -> PlacesWithin:
    """Return where organisations can lie: both ends of their bounds, each against the centre furthest from it.

    Where an organisation's count is at its lowest the others' are taken at their highest, and the other way round, so
    that what is certain holds for every true count behind the bounds. The over-dispersion is taken as it is.

    Args:
        funnels: of what is expected of the counts, or of those that are shown.
        bounds: of the same shape; NaN where an organisation has no number.

    Raises:
        ValueError: if the shapes differ.
    """
    if bounds.numerators_lower.shape != funnels.values.shape:
        raise ValueError("bounds are of other measures or organisations than the funnels")
    scale, most = funnels.kind.scale, 1.0 if funnels.kind.name == "PROPORTION" else np.inf
    sizes = np.where(np.isnan(funnels.denominators), bounds.denominators_upper, funnels.denominators)
    if funnels.kind.ratio:
        low = high = np.broadcast_to(funnels.centre[:, None], funnels.values.shape)
    else:
        low, high = furthest_centres(bounds, centre=funnels.centre[:, None], most=most)
    lowest, highest = rate_ends(bounds, most=most)
    return PlacesWithin(
        lowest=_placed(lowest, scale, high, funnels, sizes), highest=_placed(highest, scale, low, funnels, sizes)
    )


def places_of(funnel: Funnel, bounds: CountBounds, *, ends: tuple[Vector, Vector] | None = None) -> PlacesWithin:
    """Return where organisations of one funnel can lie, by the same rule as `places_within`.

    Args:
        funnel: of what is shown, or expected.
        bounds: shape (organisations,), in its order; of ratios the expected events are exact.
        ends: the lowest and the highest rate of each, where more is known of them than their counts' bounds say.
    """
    if bounds.numerators_lower.shape != funnel.values.shape:
        raise ValueError("bounds are of other organisations than the funnel")
    most = 1.0 if funnel.kind is FunnelKind.PROPORTION else np.inf
    lowest, highest = rate_ends(bounds, most=most) if ends is None else ends
    low: float | Vector = funnel.centre
    high: float | Vector = funnel.centre
    if not funnel.kind.ratio:
        low, high = furthest_centres(bounds, centre=funnel.centre, most=most)
    above, below = (limits_of(funnel, denominators=funnel.denominators, centre=centre) for centre in (high, low))
    return PlacesWithin(lowest=places(lowest, above), highest=places(highest, below))


def rate_ends(bounds: CountBounds, *, most: float) -> tuple[Matrix, Matrix]:
    """Return the lowest and the highest rate that bounds allow; `most` where a denominator may be 0."""
    top = bounds.denominators_upper
    lowest = np.where(top > 0, bounds.numerators_lower / np.where(top > 0, top, 1.0), 0.0)
    bottom = bounds.denominators_lower
    highest = np.where(bottom > 0, bounds.numerators_upper / np.where(bottom > 0, bottom, 1.0), np.inf)
    gap = np.isnan(bounds.numerators_lower) | np.isnan(bottom)
    return np.where(gap, np.nan, np.minimum(lowest, most)), np.where(gap, np.nan, np.minimum(highest, most))


def furthest_centres(bounds: CountBounds, *, centre: float | Vector, most: float) -> tuple[Matrix, Matrix]:
    """Return, for each organisation, the lowest centre with its own rate at its highest, and the other way round.

    Args:
        bounds: of all organisations.
        centre: the funnel's own, which can lie outside the bounds of the sum; they are widened to hold it.
        most: the highest rate there can be.
    """

    def but(one: Matrix, other: Matrix) -> Matrix:
        found: Matrix = np.nansum(one, axis=-1, keepdims=True) - one + other
        return found

    lower = but(bounds.numerators_lower, bounds.numerators_upper) / but(
        bounds.denominators_upper, bounds.denominators_lower
    )
    upper = but(bounds.numerators_upper, bounds.numerators_lower) / but(
        bounds.denominators_lower, bounds.denominators_upper
    )
    return np.minimum(lower, centre), np.clip(upper, centre, most)


def _placed(rates: Matrix, scale: Scale, centres: Matrix, funnels: Funnels, sizes: Matrix) -> Places:
    limits = limits_on(scale, centre=centres, tau2=funnels.tau2[:, None], denominators=sizes)
    return places(rates, limits)
