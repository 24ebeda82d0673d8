"""Alcohol-related liver disease at seven hospitals: outliers told, and gone three years later (Kallis et al. 2020)."""

import math

from agreement import Check, Story, Verdict, agree, around, cannot, derived, error_of, logistic, odds_ratio, within

YEARS = ("2014/15", "2015/16", "2016/17", "2017/18")
ADMISSIONS = (957, 1022, 953, 955)
DEATHS = (123, 124, 152, 135)
OUTLIERS, OTHERS, INTERACTION = (0.33, 0.18, 0.63), (1.19, 0.79, 1.80), (0.31, 0.16, 0.63)


def story() -> Story:
    """Return what the published totals give, and what they cannot."""
    slope, error = logistic(events=DEATHS, of=ADMISSIONS, columns=[(float(year),) for year in range(4)])[0]
    trend = around(slope, error)
    last = odds_ratio(events=(DEATHS[0], DEATHS[3]), of=(ADMISSIONS[0], ADMISSIONS[3]))
    logs = [math.log(one[0]) for one in (OUTLIERS, OTHERS)]
    errors = [error_of(one[1], one[2]) for one in (OUTLIERS, OTHERS)]
    ratio = around(logs[0] - logs[1], math.hypot(*errors))
    share = (math.log(last[0]) - logs[1]) / (logs[0] - logs[1])
    return Story(
        title="Alcohol-related liver disease",
        source="Kallis et al. (2020), Aliment Pharmacol Ther 52:182-195",
        says="Three outliers were told and came back to the others, while deaths in all seven together did not fall: "
        "the groups tell what the total hides. Hospitals picked on one bad year improve in part by themselves.",
        checks=(
            agree(
                "index admissions in all",
                [3887],
                [sum(ADMISSIONS)],
                digits=0,
                why="sum of the four years; the paper gives n = 3887",
            ),
            agree("fall at the outliers", [67], [100 * (1 - OUTLIERS[0])], digits=0, unit="%", why="1 - 0.33"),
            within(
                "interaction, outliers by last year",
                INTERACTION,
                ratio,
                digits=2,
                why="ratio of the two adjusted odds ratios, their errors from the printed intervals; the paper's is of "
                "one model with both groups",
            ),
            derived(
                "trend of all seven, odds ratio a year",
                f"{trend[0]:.2f} ({trend[1]:.2f} to {trend[2]:.2f})",
                "logistic model of the printed deaths and admissions, not adjusted",
            ),
            Check(
                what="last year v first, all seven",
                published="0.33 and 1.19 by group",
                ours=f"{last[0]:.2f} ({last[1]:.2f} to {last[2]:.2f})",
                verdict=Verdict.DERIVED,
                why=f"not adjusted; it would be the mixture of both groups if outliers weighed {100 * share:.0f}%, far "
                "too little for 3 of 7 hospitals: chance and another case mix made up for the rest",
            ),
            cannot(
                "adjusted odds ratios 0.33 and 1.19",
                "0.33 (0.18 to 0.63), 1.19 (0.79 to 1.80)",
                "needs deaths and admissions by group and year, with age, sex, comorbidity and stage; not published",
            ),
            cannot(
                "outliers",
                "3 in 2014/15, 0 in 2017/18",
                "needs observed and expected deaths by hospital and year; with them `rounds funnel --expected` draws "
                "it, and the round says what regression to the mean alone would give",
            ),
        ),
    )
