"""What a person reads when a score's file is wrong: each mistake it can hold, where it stands and what to do."""

from pathlib import Path

import pytest
from language_cases import CODE_LISTS, COHORTS, GROUPINGS

from rounds.errors import DefinitionError
from rounds.storage.defined import Defined
from rounds.storage.score_files import ScoreFile
from rounds.storage.yaml_files import read_yaml

HEAD = "id: risk\nversion: 1\ntitle: Risk\nsource: A paper\n"
TAIL = "author: A\nreviewer: B\nnext_review: 2030-01-01\n"
HAD = "had: {event: condition_occurrence, codes: fall"
WINDOW = (
    "a window in a score runs from `start`, `end` or `end` moved to `end` or `end` moved, or is open (`any "
    "time`); the measure says where they are"
)
KINDS = "name either `components`, of observations at the same minute, or `points`, for what people have had"
RATE = "  rate: {codes: heart-rate, steps: [{points: 1}]}\n"
WRONG = {
    "unknown codes": (
        "points:\n  fall: {1: {had: {event: condition_occurrence, codes: fal}}}\n",
        "line 6 column 49: `points.fall.1.had.codes`: there is no code list `fal`; did you mean `fall`?",
    ),
    "a typo": (
        "points:\n  woman: {1: {sexx: female}}\n",
        "line 6 column 15: unknown field `sexx`; did you mean `sex`?",
    ),
    "an age on the first day": (
        "points:\n  age:\n    2: {age: {from: 75}}\n    1: {age: {from: 65, on: end}}\n",
        "line 7 column 9: `points.age.age`: an age in a score is that on the last day it looks at; write `on: end`",
    ),
    "a window of the period": (
        f"points:\n  fall: {{1: {{any: [{{sex: female}}, {{{HAD}, from: period start}}}}]}}}}\n",
        f"line 6 column 36: `points.fall.any.had`: {WINDOW}",
    ),
    "a window from a date": (
        f"points:\n  fall: {{1: {{{HAD}, from: 2020-01-01}}}}}}\n",
        f"line 6 column 14: `points.fall.had`: {WINDOW}",
    ),
    "a window from a moved start": (
        f"points:\n  fall: {{1: {{not: {{{HAD}, from: start - 1 year}}}}}}}}\n",
        f"line 6 column 20: `points.fall.not.had`: {WINDOW}",
    ),
    "a window to the start": (  # of a measure that looks back to any time it would have no end
        f"points:\n  fall: {{1: {{{HAD}, from: any time, to: start}}}}}}\n",
        f"line 6 column 14: `points.fall.had`: {WINDOW}",
    ),
    "a value": (
        "points:\n  fall: {1: {value: {from: 3}}}\n",
        "line 6 column 14: `points.fall.value`: a person has no value; ask for it in `provided` of measurement or "
        "observation",
    ),
    "where it lies": (
        "points:\n  fall: {1: {lies: {}}}\n",
        "line 6 column 14: `points.fall.lies`: points of a score are for what a person has or is; ask for something "
        "else",
    ),
    "more points than are added up": (
        "components:\n  rate: {codes: heart-rate, steps: [{points: 40000}]}\n",
        "line 6 column 3: `components.rate`: component rate: it gives 1,000 points at most",
    ),
    "no points": (
        "points:\n  woman: {0: {sex: female}}\n",
        "line 6 column 11: `points.woman.0` must be 1 or more, not 0",
    ),
    "points in words": (
        "points:\n  woman: {one: {sex: female}}\n",
        "line 6 column 11: `points.woman.one`: what stands before the colon must be a whole number, not `one`",
    ),
    "nothing": ("points:\n  fall: {}\n", "line 6 column 3: `points.fall` is empty; write at least one item"),
    "too many points": (
        "points:\n  woman: {101: {sex: female}}\n",
        "line 5 column 1: `points`: score risk: its points add up to 1 to 100, not to 101",
    ),
    "a score of scores": (
        "points:\n  fall: {1: {scores: {score: risk, at_least: 2}}}\n",
        "line 6 column 23: `points.fall.1.scores.score`: there is no score `risk`",
    ),
    "neither kind": ("", f"line 1 column 1: `the file`: {KINDS}"),
    "both kinds": (
        f"points:\n  woman: {{1: {{sex: female}}}}\ncomponents:\n{RATE}",
        f"line 1 column 1: `the file`: {KINDS}",
    ),
    "depending on nothing": (
        f"components:\n{RATE}  other: {{codes: hba1c, only_if: {{rat: 1}}, steps: [{{points: 1}}]}}\n",
        "line 7 column 25: `components.other.only_if`: component other: it may depend on `rate`, not on `rat`",
    ),
    "depending on points that are never given": (
        f"components:\n{RATE}  other: {{codes: hba1c, only_if: {{rate: 2}}, steps: [{{points: 1}}]}}\n",
        "line 7 column 25: `components.other.only_if`: component other: `rate` gives 1 points, never 2",
    ),
    "a last step with a limit": (
        "components:\n  rate: {codes: heart-rate, steps: [{up_to: 3, points: 1}]}\n",
        "line 6 column 29: `components.rate.steps`: component rate: every step but the last has a limit, and the last "
        "has none",
    ),
}


def _read(text: str, folder: Path) -> None:
    path = folder / "score.yaml"
    path.write_text(text, encoding="utf-8")
    read_yaml(path, ScoreFile, context=Defined(code_lists=CODE_LISTS, cohorts=COHORTS, groupings=GROUPINGS))


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG.keys())
def test_a_score_that_is_wrong(text: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(DefinitionError) as error:
        _read(HEAD + text + TAIL, tmp_path)
    assert str(error.value) == f"{tmp_path / 'score.yaml'} {expected}"


def test_a_score_without_a_source(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="field `source` is missing; add it"):
        _read(HEAD.replace("source: A paper\n", "") + "points: {woman: {1: {sex: female}}}\n" + TAIL, tmp_path)


def test_a_score_reviewed_by_its_author(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="line 7 column 1: `reviewer`: the reviewer must be somebody other"):
        _read(HEAD + "points: {woman: {1: {sex: female}}}\n" + TAIL.replace("B", "A"), tmp_path)
