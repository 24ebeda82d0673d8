"""The row of a site in a panel, and the sum of several rows as far as their bounds tell."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rounds.learning.bounded.counts import Part, Vector
from rounds.learning.impact.identification import Mask


@dataclass(slots=True, kw_only=True)
class Row:
    """What is known of one site, by period. It changes while sites that merged are joined."""

    lower: Vector
    upper: Vector
    exposure: Vector
    treated: Mask
    excluded: Mask
    noisy: Vector
    sigma: Vector
    parts: dict[int, tuple[Part, ...]] = field(default_factory=dict)

    @property
    def there(self) -> Mask:
        """Where there are counts."""
        return np.asarray(~np.isnan(self.lower), dtype=np.bool_)

    @property
    def touched(self) -> Mask:
        """Where the innovation was in effect, or may have been."""
        return np.asarray(self.treated | self.excluded, dtype=np.bool_)

    def without(self, columns: Mask) -> None:
        """Take counts away."""
        for values in (self.lower, self.upper, self.exposure, self.noisy, self.sigma):
            values[columns] = np.nan
        self.parts = {at: parts for at, parts in self.parts.items() if not columns[at]}


def sum_of(rows: Mapping[str, Row], before: Mask) -> Row:
    """Return the sum of some rows in periods before a day, where all have counts without noise; missing elsewhere."""
    size = len(before)
    lower, upper, exposure = (np.full(size, np.nan) for _ in range(3))
    parts: dict[int, tuple[Part, ...]] = {}
    whole = np.logical_and.reduce([row.there & np.isnan(row.noisy) for row in rows.values()])
    for column in np.flatnonzero(before & whole).tolist():
        flat = tuple(part for name, row in rows.items() for part in _parts_of(name, row, column))
        lower[column], upper[column] = sum(part.lower for part in flat), sum(part.upper for part in flat)
        exposure[column] = sum(part.size for part in flat)
        parts[column] = flat
    nothing = np.zeros(size, dtype=np.bool_)
    return Row(
        lower=lower,
        upper=upper,
        exposure=exposure,
        treated=nothing,
        excluded=nothing,
        noisy=np.full(size, np.nan),
        sigma=np.full(size, np.nan),
        parts=parts,
    )


def _parts_of(name: str, row: Row, column: int) -> tuple[Part, ...]:
    lower, upper, size = (float(values[column]) for values in (row.lower, row.upper, row.exposure))
    return row.parts.get(column, (Part(lower=lower, upper=upper, size=size, of=name),))
