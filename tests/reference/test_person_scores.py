"""Scores of people against their published points, over every combination of what they give points for.

Points: Lip and others (2010), Chest 137:263-272, table 2 (CHA2DS2-VASc); Quan and others (2011), American Journal of
Epidemiology 173:676-682, table 2 (Charlson comorbidity index, updated weights). They are added up here once more, in a
few lines that know nothing of how a score is declared.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product
from pathlib import Path

import pytest
from small_site import make_measure, open_site, write_site

from rounds.engines import duck, pack, reference
from rounds.engines.asked import Asked
from rounds.measures.codelists import CodeList
from rounds.measures.counts import Count
from rounds.measures.criteria import Criterion, Events, Has
from rounds.measures.events import EventTable
from rounds.measures.periods import Grain, periods_between
from rounds.measures.person_scores import PersonScore
from rounds.measures.questions import People, RecordsQuestion
from rounds.measures.traits import Sex
from rounds.measures.windows import EVER, Anchor
from rounds.records.omop import Records
from rounds.storage.library import read_library, shipped_library_folder

HELD_AGAINST = (("CHA2DS2-VASc, Charlson index", "their published points, every combination", "exact"),)

LIBRARY = read_library(shipped_library_folder())
SCORES = {score.id: score for score in LIBRARY.person_scores}
CODES = {codes.id: codes for codes in LIBRARY.code_lists}
YEAR = periods_between(grain=Grain.YEAR, first=date(2020, 1, 1), last=date(2020, 12, 31))


@dataclass(frozen=True, kw_only=True)
class Somebody:
    born: int
    female: bool
    had: frozenset[str]


def cha2ds2_vasc(one: Somebody) -> int:
    had, age = one.had, 2020 - one.born
    single = sum(name in had for name in ("heart-failure", "hypertension", "diabetes", "vascular-disease"))
    return single + 2 * ("stroke-or-thromboembolism" in had) + (age >= 65) + (age >= 75) + one.female


def charlson(one: Somebody) -> int:
    weights = {
        "heart-failure": 2,
        "dementia": 2,
        "chronic-pulmonary-disease": 1,
        "rheumatic-disease": 1,
        "diabetes-with-complications": 1,
        "hemiplegia-or-paraplegia": 2,
        "chronic-kidney-disease": 1,
        "hiv": 4,
    }
    liver = 4 if "severe-liver-disease" in one.had else 2 if "chronic-liver-disease" in one.had else 0
    cancer = 6 if "metastatic-cancer" in one.had else 2 if "cancer" in one.had else 0
    return sum(weights.get(name, 0) for name in one.had) + liver + cancer


def _everybody(names: Sequence[str], *, born: Sequence[int], female: Sequence[bool]) -> list[Somebody]:
    return [
        Somebody(born=year, female=sex, had=frozenset(name for name, has in zip(names, some, strict=True) if has))
        for some in product((False, True), repeat=len(names))
        for year in born
        for sex in female
    ]


def _site(folder: Path, people: Sequence[Somebody]) -> Records:
    numbered = list(enumerate(people, start=1))
    diagnoses = [(who, _concept(name)) for who, one in numbered for name in sorted(one.had)]
    write_site(
        folder,
        person="\n".join(f"{who} {'female' if one.female else 'male'} {one.born}" for who, one in numbered),
        observation_period="\n".join(f"{who} 2010-01-01 2020-12-31" for who, _ in numbered),
        condition_occurrence="| person_id condition_concept_id condition_start_date\n"
        + "\n".join(f"{who} {concept} 2018-05-01" for who, concept in diagnoses),
        concept_ancestor="",
    )
    return open_site(folder)


def _concept(name: str) -> int:
    return CODES[name].concept_ids[-1]


def _had(codes: CodeList) -> Has:
    return Has(events=Events(table=EventTable.CONDITION_OCCURRENCE, codes=codes), window=EVER)


def _asked(score: PersonScore, who: Criterion | None, at_least: int) -> Asked:
    reached = score.reached(at_least, first=None, on=Anchor.END)
    return Asked(measure=make_measure(RecordsQuestion(unit=People(), who=who, numerator=reached)), periods=YEAR)


def _slowly(batch: Sequence[Asked], records: Records) -> Sequence[Count]:
    return reference.count_all(batch, records, member="RX1")


def _in_sql(batch: Sequence[Asked], records: Records) -> Sequence[Count]:
    return duck.count_all(batch, records, member="RX1")


def _from_pack(batch: Sequence[Asked], records: Records) -> Sequence[Count]:
    found = pack.count_saying_how(batch, records, member="RX1")
    assert not found.fell_back
    return found.counts


ENGINES = pytest.mark.parametrize("count", [_slowly, _in_sql, _from_pack], ids=["reference", "duckdb", "pack"])
Counting = Callable[[Sequence[Asked], Records], Sequence[Count]]


def _check(
    count: Counting,
    records: Records,
    people: Sequence[Somebody],
    score: PersonScore,
    points: Callable[[Somebody], int],
    thresholds: Sequence[int],
) -> None:
    """Count who reaches each threshold, of everybody and of those with each thing, so that no points change places."""
    names = sorted(set().union(*(one.had for one in people)))
    of: list[tuple[Criterion | None, list[Somebody]]] = [(None, list(people))]
    of += [(_had(CODES[name]), [one for one in people if name in one.had]) for name in names]
    of.append((Sex(among=("female",)), [one for one in people if one.female]))
    cases = [(who, some, at_least) for who, some in of for at_least in thresholds]
    found = count([_asked(score, who, at_least) for who, _, at_least in cases], records)
    for counted, (_, some, at_least) in zip(found, cases, strict=True):
        expected = sum(points(one) >= at_least for one in some), len(some)
        assert (counted.cells["numerator"].sum(), counted.cells["denominator"].sum()) == expected, at_least


@ENGINES
def test_cha2ds2_vasc(count: Counting, tmp_path: Path) -> None:
    names = ["heart-failure", "hypertension", "diabetes", "stroke-or-thromboembolism", "vascular-disease"]
    people = _everybody(names, born=(1945, 1946, 1955, 1956), female=(False, True))
    assert {cha2ds2_vasc(one) for one in people} == set(range(10))
    records = _site(tmp_path, people)
    _check(count, records, people, SCORES["cha2ds2-vasc"], cha2ds2_vasc, range(1, 10))


@ENGINES
def test_charlson(count: Counting, tmp_path: Path) -> None:
    names = [
        "heart-failure",
        "dementia",
        "chronic-pulmonary-disease",
        "rheumatic-disease",
        "chronic-liver-disease",
        "severe-liver-disease",
        "diabetes-with-complications",
        "hemiplegia-or-paraplegia",
        "chronic-kidney-disease",
        "cancer",
        "metastatic-cancer",
        "hiv",
    ]
    people = _everybody(names, born=(1950,), female=(True,))
    assert {charlson(one) for one in people} == set(range(25))
    if count is _slowly:  # some of each, for time
        people = people[:: 2**7 - 1]
    records = _site(tmp_path, people)
    _check(count, records, people, SCORES["charlson"], charlson, (1, 2, 3, 5, 7, 12, 20))


def test_nobody_scores_more_than_the_most() -> None:
    assert sum(graded.most for graded in SCORES["cha2ds2-vasc"].of) == 9
    assert sum(graded.most for graded in SCORES["charlson"].of) == 24
