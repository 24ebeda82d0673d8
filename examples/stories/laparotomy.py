"""ELPQuiC: a bundle of care for emergency laparotomy at four hospitals (Huddart et al. 2015)."""

import math

from agreement import Check, Story, Verdict, agree, around, cannot, derived, error_of, whole_counts

BEFORE, AFTER = (15.6, 299), (9.6, 427)
RATIO = (0.614, 0.451, 0.836)
SAVED = (6.47, 12.44)
"""Lives saved for 100 patients, against what their risk scores expected."""


def story() -> Story:
    """Return the ratio, its interval and the lives saved, as far as percentages and sizes give them."""
    risks = [percent / 100 for percent, _ in (BEFORE, AFTER)]
    sizes = [of for _, of in (BEFORE, AFTER)]
    deaths = [risk * of for risk, of in zip(risks, sizes, strict=True)]
    ratio = risks[1] / risks[0]
    lowest, highest = (risks[1] - 5e-4) / (risks[0] + 5e-4), (risks[1] + 5e-4) / (risks[0] - 5e-4)
    error = math.sqrt(sum((1 - risk) / died for risk, died in zip(risks, deaths, strict=True)))
    plain, printed = around(math.log(ratio), error), error_of(*RATIO[1:])
    whole = [whole_counts(percent, of, digits=1) for percent, of in (BEFORE, AFTER)]
    return Story(
        title="ELPQuiC",
        source="Huddart et al. (2015), Br J Surg 102:57-66",
        says="Two measures of the same fall, a ratio of adjusted risks and lives saved against expectation, agree. The "
        "interval is narrower than these numbers of patients give without a model of their risk.",
        checks=(
            Check(
                what="risk ratio",
                published=f"{RATIO[0]:.3f}",
                ours=f"{ratio:.3f} ({lowest:.3f} to {highest:.3f} for the rounding of both)",
                verdict=Verdict.CONSISTENT if lowest <= RATIO[0] <= highest else Verdict.DIFFERS,
                why="9.6 over 15.6, each printed to one decimal",
            ),
            agree(
                "the interval's middle",
                [RATIO[0]],
                [math.sqrt(RATIO[1] * RATIO[2])],
                digits=3,
                why="geometric mean of 0.451 and 0.836: the interval is symmetric on the logarithm",
            ),
            Check(
                what="P of the ratio",
                published="0.002",
                ours=f"{_p(RATIO[0], printed):.3f}",
                verdict=Verdict.AGREES if round(_p(RATIO[0], printed), 3) == 0.002 else Verdict.DIFFERS,
                why="from the printed ratio and interval",
            ),
            Check(
                what="95% interval of the ratio",
                published=f"{RATIO[1]:.3f} to {RATIO[2]:.3f}",
                ours=f"{plain[1]:.3f} to {plain[2]:.3f}",
                verdict=Verdict.DIFFERS,
                why="ours takes 15.6% of 299 and 9.6% of 427 as plain counts; the paper's adjusts for each patient's "
                "risk, which explains part of who died and so narrows it",
            ),
            agree(
                "fall, deaths for 100 patients",
                [6.0],
                [SAVED[1] - SAVED[0]],
                digits=1,
                why="12.44 - 6.47 lives saved, against 15.6 - 9.6",
            ),
            derived(
                "deaths after",
                " or ".join(map(str, whole[1])),
                "the only whole number that is 9.6% of 427",
            ),
            cannot(
                "deaths before",
                "not given",
                f"no whole number of 299 is 15.6% ({whole[0] or 'none'}): the risks are adjusted, and deaths cannot be "
                "had from them",
            ),
            cannot("lives saved", "6.47, 12.44", "needs each patient's P-POSSUM risk"),
        ),
    )


def _p(ratio: float, error: float) -> float:
    return math.erfc(abs(math.log(ratio)) / error / math.sqrt(2))
