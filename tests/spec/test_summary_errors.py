"""What a person reads when a summary or a change of values is wrong: where it stands and what to do."""

from pathlib import Path

import pytest
from language_cases import read_measure

from rounds.errors import DefinitionError

HAD = "had: {event: measurement, codes: hba1c}"
WRONG = {
    f"{{of: mean, {HAD}, units: any}}": (
        "line 2 column 13: `numerator.summary`: say what the mean must be; add `from`, `above`, `to` or `below`"
    ),
    f"{{of: mean, {HAD}, to: 58}}": (
        "line 2 column 13: `numerator.summary`: say in which units the value is, with `units`: their concepts, each "
        "with its name, or `any`"
    ),
    f"{{of: maen, {HAD}, units: any, to: 58}}": (
        "line 2 column 23: `numerator.summary.of` cannot be `maen`; did you mean `mean`?"
    ),
    f"{{of: average, {HAD}, units: any, to: 58}}": (
        "line 2 column 23: `numerator.summary.of` cannot be `average`; choose one of `highest`, `lowest`, `mean`, `sum`"
    ),
    f"{{of: sum, {HAD}, units: any, from: 60, to: 58}}": (
        "line 2 column 95: `numerator.summary.to`: no value lies between 60 and 58; correct the limits"
    ),
    f"{{of: lowest, {HAD}, units: any, from: 3, above: 3}}": (
        "line 2 column 97: `numerator.summary.above`: `from` and `above` are both lower limits; keep one"
    ),
    f"{{of: mean, {HAD}, units: any, from: 0.0000001}}": (
        "line 2 column 86: `numerator.summary.from`: values add up in millionths, and 1e-07 is none; write at most six "
        "decimals"
    ),
    f"{{of: sum, {HAD}, units: any, below: 2000000000000}}": (
        "line 2 column 85: `numerator.summary.below`: a limit is from -1,000,000,000,000 to 1,000,000,000,000"
    ),
    "{of: mean, had: {event: measurement, codes: hba1c, which: last}, units: any, to: 58}": (
        "line 2 column 73: `numerator.summary.had.which`: a summary says itself which of the rows it takes; remove "
        "`which`, `at_least`, `at_most` and `stands`"
    ),
    "{of: mean, had: {event: measurement, codes: hba1c, at_least: 2}, units: any, to: 58}": (
        "line 2 column 73: `numerator.summary.had.at_least`: a summary says itself how many rows there are; remove this"
    ),
    "{of: mean, had: {event: measurement, codes: hba1c, distinct: days}, units: any, to: 58}": (
        "line 2 column 73: `numerator.summary.had.distinct`: every row has its value; remove `distinct`"
    ),
    "{of: sum, had: {event: drug_era, codes: aspirin}, units: any, to: 58}": (
        "line 2 column 32: `numerator.summary.had`: a row of drug_era has no value; rows of measurement or observation "
        "have, and scores"
    ),
    "{of: mean, had: {score: warning}, units: any, to: 5}": (
        "line 2 column 56: `numerator.summary.units`: a score has no unit; remove `units`"
    ),
    "{of: mean, had: {event: measurement, codes: hba1c, same_visit: true}, units: any, to: 58}": (
        "line 2 column 13: `numerator.summary`: a person does not say during which visit it happened; remove "
        "`same_visit`"
    ),
    "{of: mean, units: any, to: 58}": "line 2 column 13: field `had` is missing; add it",
}


LAST, FIRST = "event: measurement, codes: hba1c, which: last", "event: measurement, codes: hba1c, which: first"
WRONG_CHANGES = {
    f"{{of: {{{LAST}}}, since: {{{FIRST}}}, units: any}}": (
        "line 2 column 13: `numerator.change`: say what the change must be; add `from`, `above`, `to` or `below`"
    ),
    f"{{of: {{{LAST}}}, since: {{event: measurement, codes: hba1c}}, units: any, below: 0}}": (
        "line 2 column 75: `numerator.change.since`: say which row it is: `first`, `last` or `first ever`"
    ),
    f"{{of: {{{LAST}, at_most: 1}}, since: {{{FIRST}}}, units: any, below: 0}}": (
        "line 2 column 61: `numerator.change.of.which`: the last row is one row; `at_least` and `distinct` do not go "
        "with it"
    ),
    f"{{of: {{{LAST}}}, since: {{event: drug_era, codes: aspirin, which: first}}, units: any, below: 0}}": (
        "line 2 column 75: `numerator.change.since`: a row of drug_era has no value; rows of measurement or "
        "observation have, and scores"
    ),
    f"{{of: {{{LAST}}}, since: {{{FIRST}}}, below: 0}}": (
        "line 2 column 13: `numerator.change`: say in which units the value is, with `units`: their concepts, each "
        "with its name, or `any`"
    ),
    f"{{of: {{{LAST}}}, since: {{{FIRST}}}, units: any, to: 0.0000001}}": (
        "line 2 column 144: `numerator.change.to`: values add up in millionths, and 1e-07 is none; write at most six "
        "decimals"
    ),
    "{of: {score: warning, which: last}, since: {score: breathing, which: first}, below: 0}": (
        "line 2 column 57: `numerator.change.since`: a score is compared with the same score, and with nothing else"
    ),
    f"{{of: {{event: measurement, codes: hba1c, which: first ever, at_most: 1}}, since: {{{FIRST}}}, to: 3}}": (
        "line 2 column 80: `numerator.change.of.at_most`: a change says itself how many rows there are; remove this"
    ),
    f"{{of: {{{LAST}}}, sinse: {{{FIRST}}}, units: any, below: 0}}": (
        "line 2 column 13: field `since` is missing; add it\n"
        "line 2 column 75: unknown field `sinse`; did you mean `since`?"
    ),
}


@pytest.mark.parametrize(("change", "expected"), WRONG_CHANGES.items(), ids=range(len(WRONG_CHANGES)))
def test_a_wrong_change(change: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(DefinitionError) as refused:
        read_measure(f"count: people\nnumerator: {{change: {change}}}\ngrain: year\n", tmp_path)
    assert str(refused.value).replace(f"{tmp_path / 'measure.yaml'} ", "") == expected


@pytest.mark.parametrize(("summary", "expected"), WRONG.items(), ids=range(len(WRONG)))
def test_a_wrong_summary(summary: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(DefinitionError) as refused:
        read_measure(f"count: people\nnumerator: {{summary: {summary}}}\ngrain: year\n", tmp_path)
    assert str(refused.value).replace(f"{tmp_path / 'measure.yaml'} ", "") == expected
