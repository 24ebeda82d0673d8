"""How fast 500 funnels of 250 sites are, with over-dispersion: at once, against one at a time with SciPy.

Refuses to print a time if the numbers differ. Read the ratio, not the seconds.

    python benchmarks/funnels_bulk.py
"""

import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rounds.learning.variation.between_sites.bulk import FunnelKind, Funnels, funnels

MEASURES, SITES, TIMES = 500, 250, 7
Matrix = NDArray[np.float64]


def main() -> None:
    """Fit and print."""
    draw = np.random.default_rng(1)
    sizes = draw.integers(30, 5000, (MEASURES, SITES)).astype(float)
    rates = draw.beta(20, 80, (MEASURES, SITES))
    events = draw.binomial(sizes.astype(int), rates).astype(float)
    events[draw.random(events.shape) < 0.1] = np.nan
    print(f"{MEASURES} measures x {SITES} sites, a tenth of the numbers absent; processor time, median of {TIMES}")
    for kind, peer in ((FunnelKind.PROPORTION, _proportions), (FunnelKind.RATIO_SHMI, _shmi)):
        below = sizes if kind is FunnelKind.PROPORTION else 0.2 * sizes
        ours = _median(partial(funnels, numerators=events, denominators=below, kind=kind))
        theirs = _median(partial(peer, events, below), times=3)
        found = funnels(numerators=events, denominators=below, kind=kind)
        _same(found, peer(events, below))
        print(
            f"{kind:<12} {ours * 1e3:6.0f} ms; one at a time {theirs * 1e3:6.0f} ms, {theirs / ours:.1f} times as long"
        )


def _median(work: Callable[[], object], times: int = TIMES) -> float:
    taken = []
    for _ in range(times):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return float(np.median(taken))


def _same(found: Funnels, peer: list[tuple[float, float, Matrix]]) -> None:
    for at, (phi, tau2, upper) in enumerate(peer):
        there = ~np.isnan(found.values[at])
        near = np.allclose([found.phi[at], found.tau2[at]], [phi, tau2], rtol=1e-9)
        if not near or not np.allclose(found.limits.upper998[at][there], upper, rtol=1e-6):
            sys.exit(f"measure {at + 1} differs")


def _proportions(events: Matrix, sizes: Matrix) -> list[tuple[float, float, Matrix]]:
    """Return phi, tau squared and upper limits, measure by measure, as one would with SciPy."""
    found = []
    for top, bottom in zip(events, sizes, strict=True):
        there = ~np.isnan(top)
        n, share = bottom[there], top[there] / bottom[there]
        centre = np.arcsin(np.sqrt(top[there].sum() / n.sum()))
        error = 1 / (2 * np.sqrt(n))
        z = (np.arcsin(np.sqrt(share)) - centre) / error
        phi = float((np.clip(z, *np.quantile(z, [0.1, 0.9])) ** 2).mean())
        tau2 = _tau(phi, error)
        end = np.clip(centre + stats.norm.ppf(0.999) * np.sqrt(error**2 + tau2), 0, np.pi / 2)
        found.append((phi, tau2, np.sin(end) ** 2))
    return found


def _shmi(events: Matrix, sizes: Matrix) -> list[tuple[float, float, Matrix]]:
    found = []
    for top, bottom in zip(events, sizes, strict=True):
        there = ~np.isnan(top)
        expected = np.round(bottom[there], 2)
        some = top[there] > 0
        error = 1 / np.sqrt(expected)
        z = np.full(len(expected), np.nan)
        z[some] = np.log(top[there][some] / expected[some]) / error[some]
        tenth = np.floor(stats.rankdata(z[some]) * 10 / (some.sum() + 1) + 1e-9)
        kept = np.flatnonzero(some)[(tenth > 0) & (tenth < 9)]
        phi = float((z[kept] ** 2).mean())
        tau2 = _tau(phi, error[kept])
        found.append((phi, tau2, np.exp(stats.norm.ppf(0.999) * np.sqrt(error**2 + tau2))))
    return found


def _tau(phi: float, error: Matrix) -> float:
    weights, n = 1 / error**2, len(error)
    return max(0.0, float((n * phi - (n - 1)) / (weights.sum() - (weights**2).sum() / weights.sum())))


if __name__ == "__main__":
    main()
