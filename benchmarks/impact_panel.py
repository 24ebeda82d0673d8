"""How long the whole panel of impact takes, and how often it says that estimators disagree.

    python benchmarks/impact_panel.py               # the three timings
    python benchmarks/impact_panel.py agreement     # 200 seeds of each case, some three minutes of CPU
    python benchmarks/impact_panel.py agreement 40

Networks are those of `impact_coverage.py`. In the cases where something is wrong, adopters drift apart from the others
before they adopt, or the effect fades or differs from site to site.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # matrices of 51 rows: threads cost more than they bring

import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
from common_factors import factored
from impact_coverage import Drawn, draw, with_bounds

from rounds.learning.impact.effect import NoEffect, Panel
from rounds.learning.impact.panel.pre_trend import Drift
from rounds.learning.impact.panel.run import DidItWork, Settings, did_it_work
from rounds.learning.impact.panel.space import SpacePlacebo
from rounds.reports.content.impact_words import is_change

MEASURES = 40


def drifting(seed: int, *, per_month: float, mean: float = 40.0) -> Panel:
    """Return a network without an effect in which adopters drift apart from the others, all along."""
    sound = draw(seed, mean=mean, rate_ratio=1.0)
    adopters = np.asarray(sound.exact.treated.any(axis=1))
    months = np.arange(sound.exact.treated.shape[1])
    return _again(sound, seed, np.where(adopters[:, None], np.exp(per_month * months)[None, :], 1.0))


def fading(seed: int, *, mean: float = 40.0) -> Panel:
    """Return a network in which the effect is strong at first and gone within a year."""
    sound = draw(seed, mean=mean, rate_ratio=1.0)
    since = np.cumsum(sound.exact.treated, axis=1) - 1
    return _again(sound, seed, np.where(sound.exact.treated, np.exp(np.minimum(0.0, -1.0 + since / 12)), 1.0))


def uneven(seed: int, *, mean: float = 40.0) -> Panel:
    """Return a network in which late adopters gain most."""
    sound = draw(seed, mean=mean, rate_ratio=1.0)
    sites = len(sound.exact.sites)
    gain = np.linspace(0.0, -1.0, sites)[:, None]
    return _again(sound, seed, np.where(sound.exact.treated, np.exp(gain), 1.0))


def _again(sound: Drawn, seed: int, factor: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Panel:
    counts = np.random.default_rng([seed, 1]).poisson(sound.counterfactual * factor).astype(np.float64)
    return replace(sound.exact, lower=counts, upper=counts)


CASES: dict[str, Callable[[int], Panel]] = {
    "all assumptions hold, mean 40, exact": lambda seed: draw(seed, mean=40.0).exact,
    "all assumptions hold, mean 8, HES rule": lambda seed: with_bounds(draw(seed, mean=8.0).exact),
    "all assumptions hold, 50 sites": lambda seed: draw(seed, mean=40.0, sites=50).exact,
    "adopters share more of a factor of .2, 50 sites": lambda seed: factored(seed, strength=0.2, more=1.0),
    "no effect, sites wander by 15 %": lambda seed: draw(seed, mean=40.0, drift=0.15, rate_ratio=1.0).exact,
    "no effect, adopters drift by 1 % a month": lambda seed: drifting(seed, per_month=-0.01),
    "no effect, adopters drift by 3 % a month": lambda seed: drifting(seed, per_month=-0.03),
    "the effect fades within a year": fading,
    "late adopters gain most": uneven,
}


def told(panel: Panel, *, runs: int = 200, seed: int = 1) -> DidItWork | NoEffect:
    """Return what the panel says of one outcome."""
    return did_it_work(panel, generator=np.random.default_rng(seed), settings=Settings(runs=runs))


def tally(case: str, seeds: int) -> Counter[str]:
    """Return of how many seeds the panel says what."""
    said: Counter[str] = Counter()
    for seed in range(seeds):
        found = told(CASES[case](seed), runs=99, seed=seed)
        assert isinstance(found, DidItWork)
        said.update(_said(found))
    return said


def _said(found: DidItWork) -> list[str]:
    said = [f"flag {one.name}" for one in found.agreement.flagged] if found.agreement else []
    said += ["any flag"] if said else []
    if is_change(found.effect):
        said.append("leading interval excludes 1")
    if found.together is not None and found.together.p_value < 0.05:
        said.append("steps before, together, p < .05")
    if isinstance(found.drift, Drift) and found.drift.p_value < 0.05:
        said.append("drift before, p < .05")
    space = found.placebo_in_space
    if isinstance(space, SpacePlacebo) and space.p_value <= 0.05:
        said.append("placebo in space p <= .05")
    return said


def _timed(label: str, work: Callable[[], object]) -> None:
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    print(f"{label:<58} {time.process_time() - cpu:6.1f} s CPU {time.perf_counter() - clock:6.1f} s")


def _large() -> Panel:
    return with_bounds(draw(1, mean=8.0, sites=250, months=120).exact)


def _one_measure(seed: int) -> str:
    found = told(with_bounds(draw(seed, mean=8.0).exact))
    return found.reason if isinstance(found, NoEffect) else "told"


def _many() -> None:
    with ProcessPoolExecutor(2) as pool:
        assert all(said == "told" for said in pool.map(_one_measure, range(MEASURES)))


def speeds() -> None:
    """Print how long the panel takes."""
    large = _large()
    _timed("250 sites x 120 months, without placebos in space", lambda: told(large, runs=0))
    _timed("250 sites x 120 months, with 200 placebos in space", lambda: told(large))
    _timed(
        f"{MEASURES} measures x 15 sites x 36 months, in one process",
        lambda: list(map(_one_measure, range(MEASURES))),
    )
    clock = time.perf_counter()
    _many()
    print(f"{'the same in two processes':<58} {'':>12} {time.perf_counter() - clock:6.1f} s")


def main(arguments: list[str]) -> None:
    """Time the panel, or ask what it says of cases whose truth is known."""
    if arguments[:1] != ["agreement"]:
        speeds()
        return
    seeds = int(arguments[1]) if len(arguments) > 1 else 200
    for case in CASES:
        said = tally(case, seeds)
        print(f"{case} ({seeds} seeds)")
        for what, count in sorted(said.items()):
            print(f"    {what:<52} {count / seeds:6.1%}")


if __name__ == "__main__":
    main(sys.argv[1:])
