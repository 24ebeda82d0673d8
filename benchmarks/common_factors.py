"""How estimators fare where what moves sites is not the same for all, and where one site alone adopts.

    python benchmarks/common_factors.py         # 60 seeds of each case, some two minutes of CPU
    python benchmarks/common_factors.py 200

Networks are those of `impact_coverage.py`: 50 sites of which 10 never adopt, 36 months, mean 40, ratio 0.5. On top of
that a slowly wandering factor moves every site by a share of its own; where adopters have more of it than the others,
trends are not parallel.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices: threads cost more than they bring

import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from impact_coverage import RATE_RATIO, draw

from rounds.learning.impact.did import effect_of, fit_counts
from rounds.learning.impact.effect import NoEffect, Panel
from rounds.learning.impact.panel.estimate import Estimate
from rounds.learning.impact.panel.others import other_estimates
from rounds.learning.impact.panel.outcome import complete
from rounds.learning.impact.scale import Scale


def factored(seed: int, *, strength: float, more: float, sites: int = 50, months: int = 36) -> Panel:
    """Return a network in which a factor moves every site by its own share.

    Args:
        seed: of the generator.
        strength: by how much on the log scale, a standard deviation of factor and share.
        more: how many standard deviations of share adopters have more than others.
        sites: a fifth never adopt.
        months: the first adoption is after a quarter of them.
    """
    sound = draw(seed, mean=40.0, rate_ratio=1.0, sites=sites, months=months)
    rng = np.random.default_rng([seed, 7])
    factor = np.cumsum(rng.normal(size=months))
    factor = (factor - factor.mean()) / factor.std()
    shares = rng.normal(size=sites) + more * sound.exact.treated.any(axis=1)
    expected = sound.counterfactual * np.exp(strength * np.outer(shares, factor))
    counts = rng.poisson(expected * np.where(sound.exact.treated, RATE_RATIO, 1.0)).astype(np.float64)
    return replace(sound.exact, lower=counts, upper=counts)


def one_adopter(panel: Panel) -> Panel:
    """Return the panel of the middle one of the adopters, and all that never adopt."""
    adopting = np.asarray(panel.treated.any(axis=1))
    kept = ~adopting
    kept[adopting.sum() // 2] = True
    return replace(
        panel,
        sites=tuple(site for site, keep in zip(panel.sites, kept, strict=True) if keep),
        **{name: getattr(panel, name)[kept] for name in ("lower", "upper", "exposure", "treated", "excluded")},
    )


CASES: dict[str, Callable[[int], Panel]] = {
    "no factor": lambda seed: draw(seed, mean=40.0, sites=50).exact,
    "a factor of .2, shares alike": lambda seed: factored(seed, strength=0.2, more=0.0),
    "a factor of .2, adopters have more": lambda seed: factored(seed, strength=0.2, more=1.0),
    "a factor of .1, adopters have more": lambda seed: factored(seed, strength=0.1, more=1.0),
    "one adopter, no factor": lambda seed: one_adopter(draw(seed, mean=40.0, sites=50).exact),
    "one adopter, a factor of .2": lambda seed: one_adopter(factored(seed, strength=0.2, more=0.0)),
}


def estimates(panel: Panel, seed: int) -> dict[str, Estimate]:
    """Return the estimators that apply, by name."""
    fitted = fit_counts(panel)
    assert not isinstance(fitted, NoEffect)
    outcome = complete(panel, fitted, draws=10, generator=np.random.default_rng(seed))
    others = other_estimates(outcome, generator=np.random.default_rng([seed, 1]))
    ratio = effect_of(panel, fitted).rate_ratio
    leading = Estimate(
        name="Counts, imputed",
        method="",
        scale=Scale.RATIO,
        value=float(np.log(ratio.estimate)),
        half=float(np.log(ratio.upper / ratio.estimate)),
        standard_error=float(np.log(ratio.upper / ratio.lower)) / 3.92,
        degrees=np.inf,
        assumes="",
        left_out="",
        influence=None,
        by_draw=np.zeros(1),
    )
    return {one.name: one for one in (leading, *others) if isinstance(one, Estimate)}


def tally(case: str, seeds: int) -> dict[str, tuple[float, float, float, float, int]]:
    """Return bias, spread, mean standard error and coverage of each estimator's log ratio, and how often it applied."""
    found: defaultdict[str, list[tuple[float, float, bool]]] = defaultdict(list)
    for seed in range(seeds):
        for name, one in estimates(CASES[case](seed), seed).items():
            off = one.value - float(np.log(RATE_RATIO))
            holds = one.effect.lower <= RATE_RATIO <= one.effect.upper
            found[name].append((off, one.standard_error, holds))
    told = {}
    for name, rows in found.items():
        off, errors, holds = np.array(rows, dtype=np.float64).T
        told[name] = (float(off.mean()), float(off.std(ddof=1)), float(errors.mean()), float(holds.mean()), len(rows))
    return told


def main(seeds: int) -> None:
    """Print what each estimator says in each case."""
    for case in CASES:
        print(f"{case} ({seeds} seeds)")
        for name, (bias, spread, error, coverage, applied) in tally(case, seeds).items():
            print(
                f"    {name:<30} bias {bias:+.3f}  spread {spread:.3f}  error {error:.3f}  holds the truth "
                f"{coverage:4.0%}  of {applied}",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
