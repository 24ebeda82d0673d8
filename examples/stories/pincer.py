"""PINCER: pharmacists with a list of patients at risk, in 72 general practices (Avery et al. 2012)."""

import math

from agreement import Check, Story, Verdict, agree, around, cannot, odds_ratio, within

from rounds.learning.intervals import Z95

PRACTICES = 72
ARMS = (
    ("ulcer and NSAID", (86, 51), (2014, 1852), (0.58, 0.38, 0.89)),
    ("asthma and beta-blocker", (658, 499), (22_224, 20_312), (0.73, 0.58, 0.91)),
    ("75 or older, ACE inhibitor or diuretic, no blood test", (436, 255), (5329, 4851), (0.51, 0.34, 0.78)),
)
ICC = 0.14
LOGISTIC = math.pi**2 / 3
"""Variance of the logistic distribution."""
ATTENUATION = (16 * math.sqrt(3) / (15 * math.pi)) ** 2
"""By how much a practice's variance shrinks a logarithm of odds: Zeger, Liang and Albert (1988), Biometrics 44:1049."""


def story() -> Story:
    """Return the three primary outcomes without adjustment, and the third with its practices as clusters."""
    checks = []
    for name, events, of, published in ARMS:
        checks.append(
            within(
                f"odds ratio, {name}",
                published,
                odds_ratio(events=events, of=of),
                digits=2,
                why="ours is of the printed counts and takes patients as independent, so that its interval is too "
                "narrow; the trial's is adjusted for the rate before, and for practices",
            )
        )
    conditional, error = _clustered()
    published = ARMS[2][3]
    checks += [
        within(
            "the third, with practices as clusters",
            published,
            around(conditional, error),
            digits=2,
            why=f"ICC {ICC} on the scale of log odds, {PRACTICES} equal practices; within a practice, as the trial's",
        ),
        Check(
            what="width of its interval, upper over lower",
            published=f"{published[2] / published[1]:.2f}",
            ours=f"{math.exp(2 * Z95 * error):.2f}",
            verdict=Verdict.CONSISTENT,
            why="the printed ICC alone makes it about as wide as it is printed: patients taken as independent give "
            f"{_naive_width():.2f}",
        ),
        agree(
            "at risk of the third, control and PINCER",
            [8, 5],
            [100 * 436 / 5329, 100 * 255 / 4851],
            digits=0,
            unit="%",
            why="of the printed counts",
        ),
        cannot(
            "the adjusted odds ratios",
            "0.58, 0.73, 0.51",
            "needs every practice's counts before and after, and the strata; the first and second have no ICC here",
        ),
    ]
    return Story(
        title="PINCER",
        source="Avery et al. (2012), Lancet 379:1310-1319",
        says="Patients of one practice are alike, so that an interval which takes them as independent is too narrow, "
        "and an odds ratio within practices is further from 1 than one of all patients.",
        checks=tuple(checks),
    )


def _clustered() -> tuple[float, float]:
    """Return the logarithm of the odds ratio within a practice, and its standard error."""
    _, events, of, _ = ARMS[2]
    between = ICC / (1 - ICC) * LOGISTIC
    share = sum(events) / sum(of)
    seen = between * share * (1 - share)  # the same variance of shares, over that of one patient's yes or no
    inflation = 1 + (sum(of) / PRACTICES - 1) * seen / (1 + seen)
    ours = odds_ratio(events=events, of=of, inflation=inflation)
    wider = math.sqrt(1 + ATTENUATION * between)
    return wider * math.log(ours[0]), wider * (math.log(ours[2]) - math.log(ours[1])) / (2 * Z95)


def _naive_width() -> float:
    ours = odds_ratio(events=ARMS[2][1], of=ARMS[2][2])
    return ours[2] / ours[1]
