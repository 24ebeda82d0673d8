"""One site three ways: how often intervals hold a known ratio, and how often the ways disagree.

`python benchmarks/single_site.py [seeds]` draws Poisson counts of one site and of others that share a season and a slow
common movement, lets the site's rate change by a known ratio, and asks interrupted time series beside the others, the
synthetic control and the structural time series. About half a second of processor time a seed, three with bounds.
"""

import sys
from dataclasses import dataclass

import numpy as np

from rounds.learning.impact.effect import Interval, Panel
from rounds.learning.impact.single_site.beside import reckon_beside
from rounds.learning.impact.single_site.interrupted import Interrupted, interrupted
from rounds.learning.impact.single_site.reckoned import Reckoned


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is planted."""

    mean: float = 16.0
    others: int = 10
    periods: int = 48
    before: int = 30
    ratio: float = 0.6
    wander: float = 0.0
    """standard deviation of each site's own movement on the log scale (autoregressive, 0.7)"""
    drift: float = 0.0
    """of the site alone, on the log scale, a period"""
    fades: bool = False
    """the effect falls to nothing by the last period"""
    highest: bool = False
    """the site's rate lies above all others"""
    hes: bool = False
    """1 to 7 withheld, other counts rounded to 5"""

    def draw(self, seed: int) -> Panel:
        """Return counts of the site `here` and of the others."""
        rng = np.random.default_rng(seed)
        month = np.arange(self.periods)
        common = np.exp(0.15 * np.cos(2 * np.pi * month / 12) + np.cumsum(rng.normal(0, 0.02, self.periods)))
        levels = self.mean * np.linspace(0.6, 1.5, self.others + 1)
        place = self.others if self.highest else self.others // 2
        own = np.zeros((self.others + 1, self.periods))
        for at in range(1, self.periods):
            own[:, at] = 0.7 * own[:, at - 1] + rng.normal(0, self.wander * np.sqrt(1 - 0.49), self.others + 1)
        mean = np.append(levels[place], np.delete(levels, place))[:, None] * common * np.exp(own)
        mean[0] *= np.exp(self.drift * month)
        share = np.linspace(1, 0, self.periods - self.before) if self.fades else 1.0
        mean[0, self.before :] *= self.ratio**share
        counts = rng.poisson(mean).astype(np.float64)
        lower, upper = counts, counts
        if self.hes:
            rounded = (counts + 2) // 5 * 5
            lower = np.select([counts == 0, counts <= 7], [0.0, 1.0], np.maximum(rounded - 2, 8))
            upper = np.select([counts == 0, counts <= 7], [0.0, 7.0], rounded + 2)
        treated = np.zeros(counts.shape, dtype=np.bool_)
        treated[0, self.before :] = True
        return Panel(
            sites=("here", *(f"other {one}" for one in range(self.others))),
            lower=lower,
            upper=upper,
            exposure=np.full(counts.shape, 100.0),
            treated=treated,
            excluded=np.zeros_like(treated),
            a_year=12,
        )


WORLDS = {
    "mean 16, ratio 0.6": World(),
    "mean 40, no effect": World(mean=40, ratio=1.0),
    "mean 40, ratio 1.4, 5 others": World(mean=40, ratio=1.4, others=5),
    "mean 8, ratio 0.6": World(mean=8),
    "mean 40, sites wander by 10 %": World(mean=40, wander=0.1),
    "mean 16, 24 months": World(periods=24, before=14),
    "mean 16, HES rule": World(hes=True),
    "the site drifts by 1 % a month": World(mean=40, ratio=1.0, drift=0.01),
    "the effect fades": World(mean=40, fades=True),
    "the site lies above all others": World(mean=40, highest=True),
}


def main(seeds: int) -> None:
    print("| case | ITS beside | synthetic control | structural | untold | flagged |\n|---|---|---|---|---|---|")
    for name, world in WORLDS.items():
        held: dict[str, list[tuple[bool, float, float]]] = {
            "its": [],
            "Synthetic control": [],
            "Structural time series": [],
        }
        untold = flagged = 0
        for seed in range(seeds):
            panel = world.draw(seed)
            others = panel.sites[1:]
            leading = interrupted(panel, "here", controls=others)
            chance = np.random.default_rng([seed, 1])
            found = reckon_beside(panel, "here", controls=others, leading=leading, generator=chance)
            if isinstance(leading, Interrupted):
                held["its"].append(_seen(leading.rate_ratio, world.ratio))
            for one in (found.synthetic, found.structural):
                if isinstance(one, Reckoned):
                    held[one.name].append(_seen(one.rate_ratio, world.ratio))
                else:
                    untold += 1
            flagged += bool(found.flagged)
        cells = [_told(one) for one in held.values()]
        print(f"| {name} | {' | '.join(cells)} | {untold} | {flagged / seeds:.0%} |", flush=True)


def _seen(ratio: Interval, truth: float) -> tuple[bool, float, float]:
    width = float(np.log(ratio.upper / ratio.lower)) if ratio.lower > 0 else np.inf
    return ratio.lower <= truth <= ratio.upper, float(np.log(ratio.estimate / truth)), width


def _told(found: list[tuple[bool, float, float]]) -> str:
    if not found:
        return "-"
    inside, off, width = (np.array(one) for one in zip(*found, strict=True))
    return f"{inside.mean():.0%}, {np.exp(off.mean()) - 1:+.1%}, {np.median(width):.2f}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
