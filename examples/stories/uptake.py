"""Two that spread: FREED, for young people with an eating disorder, and ESCAPE-pain, for knees and hips that hurt."""

import numpy as np
from agreement import Check, Story, Verdict, agree, cannot, derived, odds_ratio, whole_counts

from rounds.learning.variation.between_groups.gaps import GroupBounds, gaps

FREED, BEFORE = (97.8, 278), (75.4, 224)
SUSTAINED, SITES, COMPLETED = 84.1, 280, 12_781


def story() -> Story:
    """Return uptake with the counts that percentages leave possible, and what one without a size cannot tell."""
    took = [whole_counts(percent, of, digits=1) for percent, of in (FREED, BEFORE)]
    events, of = (took[1][0], took[0][0]), (BEFORE[1], FREED[1])
    size = np.array(of, dtype=np.float64)
    counts = np.array(events, dtype=np.float64)
    gap = gaps(GroupBounds(events_lower=counts, events_upper=counts, size_lower=size, size_upper=size), reference=0)
    ratio = odds_ratio(events=events, of=of)
    near = [of for of in range(20, SITES + 1) if whole_counts(SUSTAINED, of, digits=1)]
    return Story(
        title="FREED and ESCAPE-pain",
        source="FREED-Up; ESCAPE-pain, England, April 2018 to March 2020",
        says="A percentage with its size gives the counts back, and with them an interval. A percentage without one "
        "gives nothing: 84.1% is of no known number of sites.",
        checks=(
            agree(
                "FREED: took up treatment",
                [FREED[0], BEFORE[0]],
                [100 * events[1] / of[1], 100 * events[0] / of[0]],
                digits=1,
                unit="%",
                why=f"{events[1]} of {of[1]} and {events[0]} of {of[0]}: the only whole numbers that round to them "
                f"({len(took[0])} and {len(took[1])} possible)",
            ),
            Check(
                what="difference, percentage points",
                published="22.4",
                ours=f"{100 * (counts[1] / size[1] - counts[0] / size[0]):.1f} "
                f"({100 * gap.lower[1]:.1f} to {100 * gap.upper[1]:.1f})",
                verdict=Verdict.AGREES
                if round(100 * (counts[1] / size[1] - counts[0] / size[0]), 1) == round(FREED[0] - BEFORE[0], 1)
                else Verdict.DIFFERS,
                why="97.8 - 75.4, with Newcombe's interval of the counts",
            ),
            derived(
                "odds ratio",
                f"{ratio[0]:.1f} ({ratio[1]:.1f} to {ratio[2]:.1f})",
                "not adjusted, and those before were another cohort: people differ in more than FREED",
            ),
            derived(
                "ESCAPE-pain: people a site and year, at most",
                f"{COMPLETED / 2 / 51:.0f} to {COMPLETED / 2 / SITES:.0f}",
                "12,781 completers in two years, over 51 sites at the start and 280 at the end",
            ),
            cannot(
                "ESCAPE-pain: sites that sustain",
                "84.1%",
                f"no whole number of {SITES} is 84.1%, so it is of other sites; {len(near)} sizes from 20 to {SITES} "
                "would do. Without its size there is no interval",
            ),
            cannot(
                "outcome after FREED",
                "6% of records had it",
                "what is missing in 94% can be anything: bounds on a rate of change would be nearly 0% to 100%",
            ),
        ),
    )
