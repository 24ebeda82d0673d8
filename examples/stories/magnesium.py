"""PReCePT: magnesium sulphate before preterm birth, its effect and its value (Edwards et al. 2025)."""

import math
from statistics import NormalDist

import numpy as np
from agreement import Check, Story, Verdict, agree, cannot, derived

from rounds.learning.intervals import Z95
from rounds.learning.value.decision import curves, gained
from rounds.learning.value.inputs import Shape, Uncertain, draw
from rounds.learning.value.simulations import Simulations

UPTAKE = (65.8, 85.5)
EFFECT = (5.8, 2.69, 8.86)
VALUE, CHANCE = 597_000.0, 0.89
DRAWS, SEED = 100_000, 1


def story() -> Story:
    """Return what the printed effect and value say of each other."""
    rise = UPTAKE[1] - UPTAKE[0]
    shares = [f"{100 * one / rise:.0f}%" for one in EFFECT]
    error = (EFFECT[2] - EFFECT[1]) / (2 * Z95)
    p = math.erfc(EFFECT[0] / error / math.sqrt(2))
    spread = VALUE / NormalDist().inv_cdf(CHANCE)
    found, value, information = _simulated(spread)
    certain = NormalDist().cdf(EFFECT[0] / error)
    return Story(
        title="PReCePT",
        source="Edwards et al. (2025), BMJ Qual Saf, doi 10.1136/bmjqs-2024-017763",
        says="Uptake rose by 19.7 points and the programme is credited with 5.8 of them: who counts the whole rise "
        "claims three times too much. Its effect is surer than its value, whose other inputs are what is not known.",
        checks=(
            agree(
                "effect, percentage points",
                [EFFECT[0]],
                [(EFFECT[1] + EFFECT[2]) / 2],
                digits=1,
                why="middle of 2.69 and 8.86: the interval is symmetric, of a linear model",
            ),
            Check(
                what="P of the effect",
                published="< 0.001",
                ours=f"{p:.4f}",
                verdict=Verdict.AGREES if p < 0.001 else Verdict.DIFFERS,
                why="from the printed effect and interval",
            ),
            derived(
                "share of the rise in uptake",
                f"{shares[0]} ({shares[1]} to {shares[2]})",
                "5.8 of 85.5 - 65.8 points",
            ),
            derived(
                "interval of the net benefit",
                f"GBP {VALUE - Z95 * spread:,.0f} to {VALUE + Z95 * spread:,.0f}",
                "if it is normal, 89% above 0 means a standard deviation of 487 thousand",
            ),
            Check(
                what="chance that it is cost-effective",
                published="89%",
                ours=f"{100 * found:.0f}%",
                verdict=Verdict.CONSISTENT,
                why=f"of {DRAWS:,} simulations whose spread was chosen so; their mean is GBP {value:,.0f}",
            ),
            derived(
                "worth of knowing everything",
                f"GBP {information:,.0f}",
                "expected value of perfect information of the same simulations, for the whole decision",
            ),
            Check(
                what="chance if only the effect were unknown",
                published="89%",
                ours=f"{100 * certain:.2f}%",
                verdict=Verdict.DIFFERS,
                why="that the effect is above 0; the other 11% must come of all else: costs, and what treatment is "
                "worth",
            ),
            cannot(
                "net benefit of GBP 597,000",
                "GBP 597,000",
                "needs babies at risk, cases of cerebral palsy prevented, their lifetime costs and QALYs, what the "
                "programme costs and the simulations; none is in the published abstract. With them: `rounds value "
                "stated`",
            ),
        ),
    )


def _simulated(spread: float) -> tuple[float, float, float]:
    """Return the chance, the mean and the worth of perfect information of simulations with the printed value."""
    value = Uncertain(
        name="value", value=VALUE, lower=VALUE - Z95 * spread, upper=VALUE + Z95 * spread, shape=Shape.NORMAL
    )
    drawn = draw([value], draws=DRAWS, seed=SEED)["value"]
    simulations = Simulations(
        options=("without", "PReCePT"),
        costs=np.column_stack([np.zeros(DRAWS), -drawn]),
        effects=np.zeros((DRAWS, 2)),
    )
    found = curves(simulations, [1.0])
    benefit = gained(simulations, "PReCePT", "without", 1.0)
    return float(found.probability[0, 1]), benefit.estimate, float(found.evpi[0])
