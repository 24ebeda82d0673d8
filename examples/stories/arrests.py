"""In-hospital cardiac arrests: how many, how they fell, and what early warning had to do with it (NCAA)."""

import math

from agreement import Check, Story, Verdict, agree, cannot, derived

from rounds.learning.exact_intervals import exact_count

PATIENTS, PER_1000 = 22_628, 1.6
MEDIAN, QUARTILES = 1.5, (1.2, 2.2)
A_YEAR, YEARS = 0.94, 5
NEWS, ELECTRONIC = 0.906, 0.902
QUARTILE_Z = 0.6744897501960817


def story() -> Story:
    """Return how far the audit's figures go together."""
    spread = math.log(QUARTILES[1] / QUARTILES[0]) / (2 * QUARTILE_Z)
    middle = math.sqrt(QUARTILES[0] * QUARTILES[1])
    mean = middle * math.exp(spread**2 / 2)
    low, high = (PER_1000 * float(end[0]) / PATIENTS for end in exact_count([PATIENTS]))
    fall = 1 - A_YEAR**YEARS
    both = NEWS * ELECTRONIC
    explained = math.log(both) / math.log(1 - fall)
    return Story(
        title="In-hospital cardiac arrest",
        source="Nolan et al. (2014), Resuscitation 85:987-992; Hogan et al. (2020), BMC Health Serv Res 20:669",
        says="A programme that is followed by a fall of 27% need not have made it: arrests were falling by 6% a year "
        "in all hospitals, and NEWS goes with 9%. A demonstration that halves arrests is no forecast.",
        checks=(
            agree("NEWS: fall", [9.4], [100 * (1 - NEWS)], digits=1, unit="%", why="1 - 0.906"),
            agree(
                "electronic observations: fall", [9.8], [100 * (1 - ELECTRONIC)], digits=1, unit="%", why="1 - 0.902"
            ),
            Check(
                what="median from the quartiles",
                published=f"{MEDIAN}",
                ours=f"{middle:.2f}",
                verdict=Verdict.DIFFERS,
                why="hospitals lognormal with quartiles 1.2 and 2.2: their median would be 1.6, so that the upper "
                "half is longer still than that",
            ),
            Check(
                what="rate of all, for 1,000 admissions",
                published=f"{PER_1000} (median {MEDIAN})",
                ours=f"{mean:.2f}",
                verdict=Verdict.DIFFERS,
                why="mean of those lognormal hospitals if equally large; above the median, as published. Larger "
                "hospitals with fewer arrests would bring it to 1.6",
            ),
            derived(
                "95% interval of the rate of all",
                f"{low:.2f} to {high:.2f}",
                f"exact, of {PATIENTS:,} patients: chance is nothing beside the quartiles, so hospitals do differ",
            ),
            Check(
                what="fall from 2009/10 to 2014/15",
                published="6% a year",
                ours=f"{100 * fall:.0f}%",
                verdict=Verdict.DERIVED,
                why="0.94 to the power of 5",
            ),
            Check(
                what="of that fall, NEWS and electronic observations together",
                published="IRR 0.906, 0.902",
                ours=f"{both:.3f}, {100 * explained:.0f}% of it at most",
                verdict=Verdict.DERIVED,
                why="product of both, as if every hospital had taken up both and they multiply; three in five had "
                "NEWS and one in five electronic observations by 2015",
            ),
            cannot(
                "the trend and both ratios",
                "-6% a year, 0.906, 0.902",
                "needs arrests and admissions by hospital and quarter with days of going live. With them `rounds run` "
                "estimates it, as in the demonstration",
            ),
        ),
    )
