"""The law of the cardiac arrests: how many there would have been, how many there were, and so how many were avoided.

Without the programme a month's arrests are binomial: each admission has the hospital's rate, times season, yearly
change and a gamma-distributed value of the hospital-month. With it, each arrest of an admission on or after the day the
programme is embedded happens only with probability `rate_ratio`: the arrests that happen are a thinning of those
that would have, so both are known.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from rounds.records.synthetic.plan import Hospital, Stream, SyntheticNetwork, draw_hospitals

Counts = NDArray[np.int64]
Matrix = NDArray[np.float64]

_HIGHEST_PROBABILITY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrests:
    """What was drawn for every hospital and month. Matrices have shape (hospitals, months)."""

    plan: SyntheticNetwork
    hospitals: tuple[Hospital, ...]
    admissions_before: Counts
    """admissions that start before the day of embedding; all of them for a hospital that never embeds"""
    admissions_after: Counts
    """admissions that start on or after it"""
    expected_rate: Matrix
    """arrests per admission expected without the programme, before the hospital-month's own value"""
    latent_before: Counts
    """arrests of the admissions before"""
    latent_after: Counts
    """arrests that the admissions after would have had without the programme"""
    happened_after: Counts
    """arrests that the admissions after had"""
    treated: NDArray[np.bool_]
    """the programme is embedded on the first day of the month or earlier"""
    excluded: NDArray[np.bool_]
    """the programme is live on the last day of the month, but not yet embedded on its first"""

    @property
    def admissions(self) -> Counts:
        return self.admissions_before + self.admissions_after

    @property
    def events(self) -> Counts:
        """The arrests that happened: what a measure counts."""
        return self.latent_before + self.happened_after

    @property
    def expected_avoided(self) -> Matrix:
        """Arrests that the programme is expected to avoid, given the admissions; 0 outside whole treated months."""
        expected: Matrix = self.admissions_after * self.expected_rate * (1 - self.plan.rate_ratio)
        return np.where(self.treated, expected, 0.0)

    @property
    def realised_avoided(self) -> Counts:
        """Arrests that the programme did avoid; 0 outside whole treated months."""
        return np.where(self.treated, self.latent_after - self.happened_after, 0)


def draw_arrests(plan: SyntheticNetwork) -> Arrests:
    """Return admissions and arrests per hospital and month, from the same draw that the files are written from.

    Args:
        plan: what is laid down, the seed included.
    """
    hospitals = draw_hospitals(plan)
    share_after = np.array([_share_after(plan, hospital.embedded) for hospital in hospitals])
    rows = [_hospital_rows(plan, hospital, share) for hospital, share in zip(hospitals, share_after, strict=True)]
    before, after, rate, latent_before, latent_after, happened_after = (
        np.stack(part) for part in zip(*rows, strict=True)
    )
    treated = share_after == 1.0
    live = np.array([_share_after(plan, hospital.live) > 0 for hospital in hospitals])
    return Arrests(
        plan=plan,
        hospitals=hospitals,
        admissions_before=before,
        admissions_after=after,
        expected_rate=rate,
        latent_before=latent_before,
        latent_after=latent_after,
        happened_after=happened_after,
        treated=treated,
        excluded=live & ~treated,
    )


def _share_after(plan: SyntheticNetwork, day: date | None) -> Matrix:
    """The share of each month's days on or after a day: shape (months,)."""
    starts = np.array([start.toordinal() for start in plan.month_starts], dtype=np.float64)
    if day is None:
        return np.zeros(plan.months)
    shares: Matrix = np.clip((starts[1:] - day.toordinal()) / np.diff(starts), 0.0, 1.0)
    return shares


def _hospital_rows(
    plan: SyntheticNetwork, hospital: Hospital, share_after: Matrix
) -> tuple[Counts, Counts, Matrix, Counts, Counts, Counts]:
    rng = plan.generator(Stream.ARRESTS, hospital=hospital.number)
    months = np.arange(plan.months)
    calendar_month = (plan.first_month.month - 1 + months) % 12
    season = 1 + plan.season * np.cos(2 * np.pi * calendar_month / 12)
    rate = hospital.arrests_per_1000 / 1000 * season * (1 + plan.yearly_change) ** (months / 12)
    admissions = rng.poisson(hospital.admissions_a_month, plan.months)
    after = rng.binomial(admissions, share_after)
    own = rng.gamma(1 / plan.dispersion, plan.dispersion, plan.months)
    probability = np.minimum(rate * own, _HIGHEST_PROBABILITY)
    latent_before = rng.binomial(admissions - after, probability)
    latent_after = rng.binomial(after, probability)
    happened_after = rng.binomial(latent_after, plan.rate_ratio)
    return admissions - after, after, rate, latent_before, latent_after, happened_after
