"""What a person reads when a mean is wrong: each mistake a file can hold, where it stands and what to do."""

from pathlib import Path

import pytest
from language_cases import read_measure

from rounds.errors import DefinitionError

WRONG = {
    "a mean with a high below its low": (
        """\
count: visits
visits: inpatient
mean: {of: nights, shown_in: nights, low: 30, high: 0, step: 1, most_each: 1}
grain: month
per: 1
""",
        [
            "line 3 column 47: `mean.high`: the highest, 0, is not above the lowest, 30",
        ],
    ),
    "a mean without bounds": (
        """\
count: visits
visits: inpatient
mean: {of: nights, shown_in: nights, step: 1, most_each: 1}
grain: month
per: 1
""",
        [
            "line 3 column 1: field `low` is missing; add it",
            "line 3 column 1: field `high` is missing; add it",
        ],
    ),
    "a mean in steps that lead elsewhere": (
        """\
count: visits
visits: inpatient
mean: {of: nights, shown_in: nights, low: 0, high: 30, step: 7, most_each: 1}
grain: month
per: 1
""",
        [
            "line 3 column 56: `mean.step`: steps of 7 do not lead from 0 to 30; correct one of the three",
        ],
    ),
    "a mean in no steps": (
        """\
count: visits
visits: inpatient
mean: {of: nights, shown_in: nights, low: 0, high: 30, step: 0, most_each: 1}
grain: month
per: 1
""",
        [
            "line 3 column 56: `mean.step`: a step is above 0, not 0",
        ],
    ),
    "a mean in too many steps": (
        """\
count: visits
visits: inpatient
mean: {of: nights, shown_in: nights, low: 0, high: 30, step: 0.01, most_each: 1}
grain: month
per: 1
""",
        [
            "line 3 column 56: `mean.step`: these are 3,000 steps from 0 to 30, and 1,000 is the most; write"
            " a longer step",
        ],
    ),
    "a mean of any number of stays": (
        """\
count: visits
visits: inpatient
mean: {of: nights, shown_in: nights, low: 0, high: 30, step: 1}
grain: month
per: 1
""",
        [
            "line 3 column 1: `mean`: say of how many of one person's in a period the mean is at most, with "
            "`most_each`: nobody may weigh more than that",
        ],
    ),
    "a mean of many of one person": (
        """\
count: people
mean:
  of: number
  had: {event: drug_era, codes: aspirin}
  shown_in: courses
  low: 0
  high: 3
  step: 1
  most_each: 2
grain: year
per: 1
""",
        [
            "line 2 column 1: `mean`: a person is counted once a period; remove `most_each`",
        ],
    ),
    "a mean of people's nights": (
        """\
count: people
mean: {of: nights, shown_in: nights, low: 0, high: 30, step: 1}
grain: year
per: 1
""",
        [
            "line 2 column 1: `mean`: a person in a period has no nights and no value; count rows that have",
        ],
    ),
    "a mean of values in any unit": (
        """\
count: people
mean:
  of: last value
  had: {event: measurement, codes: hba1c}
  shown_in: mmol/mol
  low: 20
  high: 120
  step: 1
grain: year
per: 1
""",
        [
            "line 2 column 1: `mean`: say in which units the value is, with `units`: their concepts, each "
            "with its name, or `any`",
        ],
    ),
    "a mean of a value that there is none of": (
        """\
count: people
mean:
  of: last value
  had: {event: drug_era, codes: aspirin}
  units: any
  shown_in: mmol/mol
  low: 20
  high: 120
  step: 1
grain: year
per: 1
""",
        [
            "line 4 column 3: `mean.had`: a row of drug_era has no value; rows of measurement or observation"
            " have, and scores",
        ],
    ),
    "a mean of what is chosen twice": (
        """\
count: people
mean:
  of: last value
  had: {event: measurement, codes: hba1c, which: first}
  units: any
  shown_in: mmol/mol
  low: 20
  high: 120
  step: 1
grain: year
per: 1
""",
        [
            "line 4 column 43: `mean.had.which`: a mean says itself which of the rows it takes; remove "
            "`which`, `at_least`, `at_most` and `stands`",
        ],
    ),
    "a mean of at least so many": (
        """\
count: people
mean:
  of: number
  had: {event: drug_era, codes: aspirin, at_least: 2}
  shown_in: courses
  low: 0
  high: 3
  step: 1
grain: year
per: 1
""",
        [
            "line 4 column 42: `mean.had.at_least`: a mean says itself how many rows there are; remove this",
        ],
    ),
    "a mean without its rows": (
        """\
count: people
mean:
  of: number
  shown_in: courses
  low: 0
  high: 3
  step: 1
grain: year
per: 1
""",
        [
            "line 3 column 3: `mean.of`: of `number`: say of which rows, with `had`",
        ],
    ),
    "a mean of nights with rows": (
        """\
count: visits
visits: inpatient
mean:
  of: nights
  had: {event: drug_era, codes: aspirin}
  shown_in: courses
  low: 0
  high: 3
  step: 1
  most_each: 1
grain: year
per: 1
""",
        [
            "line 5 column 3: `mean.had`: of `nights`: remove `had`",
        ],
    ),
    "units of nights": (
        """\
count: visits
visits: inpatient
mean: {of: nights, units: any, shown_in: nights, low: 0, high: 30, step: 1, most_each: 1}
grain: month
per: 1
""",
        [
            "line 3 column 20: `mean.units`: `nights` has no unit of measurement; remove `units`",
        ],
    ),
    "a mean with what is missing beyond its bounds": (
        """\
count: people
mean:
  of: last value
  had: {event: measurement, codes: hba1c}
  units: {9579: mmol/mol}
  shown_in: mmol/mol
  low: 20
  high: 120
  step: 1
  if_missing: 0
grain: year
per: 1
""",
        [
            "line 10 column 3: `mean.if_missing`: 0 is none of the steps of 1 from 20 to 120",
        ],
    ),
    "a number that is missing": (
        """\
count: people
mean:
  of: number
  had: {event: drug_era, codes: aspirin}
  shown_in: courses
  low: 0
  high: 3
  step: 1
  if_missing: 0
grain: year
per: 1
""",
        [
            "line 9 column 3: `mean.if_missing`: a number of rows is never missing; remove this",
        ],
    ),
    "half a row": (
        """\
count: people
mean:
  of: number
  had: {event: drug_era, codes: aspirin}
  shown_in: courses
  low: 0
  high: 3
  step: 0.5
grain: year
per: 1
""",
        [
            "line 8 column 3: `mean.step`: a number of rows is a whole one; so are its limits and its step",
        ],
    ),
    "a mean and a numerator": (
        """\
count: visits
visits: inpatient
numerator: {sex: female}
mean: {of: nights, shown_in: nights, low: 0, high: 30, step: 1, most_each: 1}
grain: month
per: 1
""",
        [
            "line 4 column 1: `mean`: a mean stands instead of a `numerator`; remove one",
        ],
    ),
    "a mean over time": (
        """\
count: time
time: observed
mean: {of: nights, shown_in: nights, low: 0, high: 30, step: 1, most_each: 1}
grain: month
unit: person-years
per: 1
""",
        [
            "line 3 column 1: `mean`: days have no mean; remove one",
        ],
    ),
    "a mean per thousand": (
        """\
count: visits
visits: inpatient
mean: {of: nights, shown_in: nights, low: 0, high: 30, step: 1, most_each: 1}
grain: month
per: 1000
""",
        [
            "line 5 column 1: `per`: a mean is per 1 of people, not per 1000",
        ],
    ),
    "a mean of something else": (
        """\
count: visits
visits: inpatient
mean: {of: days, shown_in: nights, low: 0, high: 30, step: 1, most_each: 1}
grain: month
per: 1
""",
        [
            "line 3 column 8: `mean.of` cannot be `days`; choose one of `first value`, `highest value`, "
            "`last value`, `lowest value`, `nights`, `number`, `value`",
        ],
    ),
    "a mean of values of visits": (
        """\
count: visits
visits: inpatient
mean: {of: value, units: any, shown_in: nights, low: 0, high: 30, step: 1, most_each: 1}
grain: month
per: 1
""",
        [
            "line 3 column 1: `mean`: a row of visit_occurrence has no value; rows of measurement or "
            "observation have, and scores",
        ],
    ),
    "nights of measurements": (
        """\
count: events
events: {event: measurement, codes: hba1c}
mean: {of: nights, shown_in: nights, low: 0, high: 30, step: 1, most_each: 1}
grain: month
per: 1
""",
        [
            "line 3 column 1: `mean`: only rows of cohort or condition_era or condition_occurrence or "
            "device_exposure or drug_era or drug_exposure or visit_detail or visit_occurrence have nights",
        ],
    ),
    "values of events without a unit": (
        """\
count: events
events: {event: measurement, codes: hba1c}
mean: {of: value, shown_in: mmol/mol, low: 0, high: 30, step: 1, most_each: 1}
grain: month
per: 1
""",
        [
            "line 3 column 1: `mean`: say in which units the value is, with `units`: their concepts, each "
            "with its name, or `any`",
        ],
    ),
    "a score in a unit": (
        """\
count: events
events: {score: warning}
mean: {of: value, units: {9579: mmol/mol}, shown_in: points, low: 0, high: 30, step: 1, most_each: 1}
grain: month
per: 1
""",
        [
            "line 3 column 1: `mean`: a score has no unit; remove `units`",
        ],
    ),
    "a bound too far": (
        """\
count: visits
visits: inpatient
mean: {of: nights, shown_in: nights, low: -10000000, high: 30, step: 1, most_each: 1}
grain: month
per: 1
""",
        [
            "line 3 column 38: `mean.low`: this is from -1,000,000 to 1,000,000",
        ],
    ),
    "the same visit of people": (
        """\
count: people
mean:
  of: number
  had: {event: condition_occurrence, codes: fall, same_visit: true}
  shown_in: falls
  low: 0
  high: 3
  step: 1
grain: year
per: 1
""",
        [
            "line 2 column 1: `mean`: a person does not say during which visit it happened; remove `same_visit`",
        ],
    ),
    "a typo in a mean": (
        """\
count: people
mean:
  of: number
  had: {event: condition_occurrence, codes: fal}
  shown_in: falls
  lowest: 0
  high: 3
  step: 1
grain: year
per: 1
""",
        [
            "line 2 column 1: field `low` is missing; add it",
            "line 4 column 38: `mean.had.codes`: there is no code list `fal`; did you mean `fall`?",
            "line 6 column 3: unknown field `lowest`; did you mean `low`?",
        ],
    ),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_mean(text: str, expected: list[str], tmp_path: Path) -> None:
    with pytest.raises(DefinitionError) as refused:
        read_measure(text, tmp_path)
    assert [line.replace(f"{tmp_path / 'measure.yaml'} ", "") for line in str(refused.value).splitlines()] == expected
