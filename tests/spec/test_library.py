"""The shipped library can be read, and what a person reads when a definition in it is wrong."""

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from small_site import write_site

from rounds.errors import DefinitionError
from rounds.measures.codelists import CodeList
from rounds.measures.criteria import AllOf, AnyOf, Events, Has, Not
from rounds.measures.events import EventTable
from rounds.measures.periods import Grain
from rounds.measures.questions import People, PublishedQuestion, RecordsQuestion, Rows
from rounds.measures.strata import Stratum
from rounds.measures.traits import Age, Observed, Sex
from rounds.measures.windows import Anchor, Edge, Window
from rounds.network.innovations import EvidenceStage
from rounds.storage.library import Library, read_library, shipped_library_folder

SHIPPED = shipped_library_folder()

CODES = """\
id: {id}
version: {version}
title: Celecoxib
descendants: false
concepts: {{1118084: celecoxib}}
author: A
reviewer: B
next_review: 2030-01-01
"""

MEASURE = """\
id: users
version: 1
title: Users
description: Who uses it.
count: people
numerator: {had: {event: drug_era, codes: pain-killer}}
grain: year
strata: [sex]
per: 100
unit: people
better: lower
author: A
reviewer: B
next_review: 2030-01-01
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for kind in ("measures", "codelists", "innovations"):
        (tmp_path / "library" / kind).mkdir(parents=True)
    own = tmp_path / "library"
    (own / "codelists" / "pain-killer.yaml").write_text(CODES.format(id="pain-killer", version=1))
    (own / "measures" / "users.yaml").write_text(MEASURE)
    return own


def _problems(*folders: Path) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        read_library(*folders)
    return [line.replace(f"{folders[-1]}/", "") for line in str(caught.value).splitlines()]


def _question(library: Library, measure_id: str) -> RecordsQuestion:
    question = library.measure(measure_id, 1).question
    assert isinstance(question, RecordsQuestion)
    return question


@pytest.fixture(scope="module")
def shipped() -> Library:
    return read_library(SHIPPED)


def test_what_is_shipped(shipped: Library) -> None:
    from_records = [item for item in shipped.measures if not isinstance(item.question, PublishedQuestion)]
    assert len([item for item in from_records if item.strata]) >= 8
    assert {item.id for item in shipped.measures} >= {
        "cardiac-arrests",
        "in-hospital-deaths",
        "observations-on-admission",
        "outreach-reviews",
        "ae-over-4-hours",
        "ae-type1-over-4-hours",
    }
    assert shipped.innovation("deterioration-programme").stage is EvidenceStage.ADOPTION


def test_everything_shipped_is_named_after_its_file_and_explained(shipped: Library) -> None:
    files = {path.stem for path in (SHIPPED / "measures").glob("*.yaml")}
    assert {item.id for item in shipped.measures} == files
    assert {item.id for item in shipped.code_lists} == {path.stem for path in (SHIPPED / "codelists").glob("*.yaml")}
    for item in shipped.measures:
        assert item.description.endswith((".", "?"))
        assert item.next_review > date(2026, 1, 1)


def test_a_measure_says_what_its_file_says(shipped: Library) -> None:
    over_40 = _question(shipped, "celecoxib-over-40-ever")
    (celecoxib,) = over_40.code_lists
    assert celecoxib.concept_ids == (1118084,)
    events = Events(table=EventTable.DRUG_ERA, codes=celecoxib, where=Observed(), first=True)
    assert over_40 == RecordsQuestion(unit=People(), numerator=Has(events=events, provided=Age(low=41)))
    question = _question(shipped, "in-hospital-deaths")
    (inpatient,) = question.code_lists
    assert inpatient.concept_ids == (9201,)
    assert question == RecordsQuestion(
        unit=Rows(events=Events(table=EventTable.VISIT_OCCURRENCE, codes=inpatient)),
        numerator=Has(events=Events(table=EventTable.DEATH, codes=None)),
    )
    assert shipped.measure("in-hospital-deaths", 1).grain is Grain.QUARTER
    assert shipped.measure("ae-over-4-hours", 1).target == 5.0


def test_a_network_adds_its_own(folder: Path) -> None:
    both = read_library(SHIPPED, folder)
    assert both.measure("users", 1).question != both.measure("celecoxib-ever", 1).question
    assert len(both.measures) == len(read_library(SHIPPED).measures) + 1


def test_the_same_definition_twice_is_one(folder: Path, shipped: Library) -> None:
    shutil.copytree(SHIPPED, folder, dirs_exist_ok=True)
    assert len(read_library(SHIPPED, folder).measures) == len(shipped.measures) + 1


def test_a_changed_definition_needs_a_new_version(folder: Path) -> None:
    text = (SHIPPED / "measures" / "celecoxib-ever.yaml").read_text()
    (folder / "measures" / "mine.yaml").write_text(text.replace("which: first ever", "which: any"))
    (problem,) = _problems(SHIPPED, folder)
    assert problem.startswith("measures/mine.yaml: measure celecoxib-ever v1 is defined differently in ")
    assert problem.endswith("; give the changed one a new version")
    (folder / "measures" / "mine.yaml").write_text(
        text.replace("which: first ever", "which: any").replace("version: 1", "version: 2")
    )
    assert read_library(SHIPPED, folder).measure("celecoxib-ever", 2).digest != (
        read_library(SHIPPED).measure("celecoxib-ever", 1).digest
    )


def test_words_are_part_of_a_definition_too(folder: Path) -> None:
    text = (SHIPPED / "measures" / "cardiac-arrests.yaml").read_text()
    (folder / "measures" / "mine.yaml").write_text(text.replace("better: lower", "better: higher"))
    assert "is defined differently" in _problems(SHIPPED, folder)[0]


def test_the_measure_in_python_is_the_one_in_yaml(tmp_path: Path, shipped: Library) -> None:
    page = (SHIPPED.parent / "docs" / "measure-language.md").read_text(encoding="utf-8")
    code = page.partition("```python\n")[2].partition("```\n")[0]
    write_site(
        tmp_path,
        person="1 female 1950\n2 male 1950",
        observation_period="1 2020-01-01 2023-12-31\n2 2020-01-01 2020-12-31",
        drug_era="1 1112807 2021-05-01\n2 19 2020-05-01",
    )
    made: dict[str, Any] = {"folder": tmp_path}
    exec(code, made)  # noqa: S102  the page's own
    assert made["users"] == shipped.measure("aspirin-users", 1)
    assert made["counted"].filter(pl.col("numerator") > 0).rows() == [
        ("RX1", date(2021, 1, 1), "60-79", "female", 1, 1)
    ]


@pytest.mark.parametrize("kind", ["codelists", "cohorts", "innovations", "schedules", "scores", "standards"])
def test_who_wrote_it_may_not_review_it(tmp_path: Path, kind: str) -> None:
    own = tmp_path / "library"
    shutil.copytree(SHIPPED, own)
    path = next((own / kind).glob("*.yaml"))
    text = path.read_text(encoding="utf-8").replace(
        "reviewer: Rounds clinical review", "reviewer: Rounds library authors"
    )
    path.write_text(text, encoding="utf-8")
    line = text[: text.index("reviewer:")].count("\n") + 1
    (problem,) = _problems(own)
    assert problem.startswith(f"{kind}/{path.name} line {line} column 1: `reviewer`: ")
    assert problem.endswith("the reviewer must be somebody other than the author")


def test_an_unknown_measure_names_the_nearest(shipped: Library) -> None:
    with pytest.raises(DefinitionError, match="`cardiac-arests` is not in the library; did you mean `cardiac-arrests`"):
        shipped.measure("cardiac-arests", 1)
    with pytest.raises(DefinitionError, match="has no version 3 in the library; there is version 1"):
        shipped.measure("cardiac-arrests", 3)
    with pytest.raises(DefinitionError, match="did you mean `deterioration-programme`"):
        shipped.innovation("deterioration-program")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            "codes: pain-killer",
            "codes: pain-kiler",
            [
                "measures/users.yaml line 6 column 36: `numerator.had.codes`: there is no code list "
                "`pain-kiler`; did you mean `pain-killer`?"
            ],
            id="unknown code list",
        ),
        pytest.param(
            "event: drug_era",
            "event: drug_eras",
            [
                "measures/users.yaml line 6 column 19: `numerator.had.event` cannot be `drug_eras`; did you mean "
                "`drug_era`?"
            ],
            id="unknown table",
        ),
        pytest.param(
            "codes: pain-killer}",
            "codes: pain-killer, whcih: first}",
            ["measures/users.yaml line 6 column 56: unknown field `whcih`; did you mean `which`?"],
            id="typo in the event",
        ),
        pytest.param(
            "strata: [sex]",
            "stratum: [sex]",
            ["measures/users.yaml line 8 column 1: unknown field `stratum`; did you mean `strata`?"],
            id="typo in the measure",
        ),
        pytest.param(
            "strata: [sex]",
            "strata: [sex, age]",
            [
                "measures/users.yaml line 8 column 15: `strata` cannot be `age`; choose one of `age_band`, `sex`",
            ],
            id="unknown stratum",
        ),
        pytest.param(
            "count: people",
            "count: persons",
            [
                "measures/users.yaml line 1 column 1: `count` cannot be `persons`; "
                "choose one of `cohort entries`, `events`, `people`, `published`, `time`, `visits`"
            ],
            id="unknown kind",
        ),
        pytest.param(
            "count: people\n",
            "",
            ["measures/users.yaml line 1 column 1: field `count` is missing; add it"],
            id="no kind",
        ),
        pytest.param(
            "count: people",
            "count: visits",
            ["measures/users.yaml line 1 column 1: field `visits` is missing; add it"],
            id="no visits",
        ),
        pytest.param(
            "event: drug_era, codes: pain-killer",
            "event: death, codes: pain-killer",
            [
                "measures/users.yaml line 6 column 33: `numerator.had.codes`: a row of death has no code; "
                "remove the code list"
            ],
            id="a death with codes",
        ),
        pytest.param(
            "grain: year\nstrata: [sex]",
            "grain: all\nstrata: [age_band]",
            [
                "measures/users.yaml line 8 column 1: `strata`: a person has no one age over all dates; "
                "remove `age_band`"
            ],
            id="one age over all dates",
        ),
        pytest.param(
            "reviewer: B",
            "reviewer: A",
            ["measures/users.yaml line 13 column 1: `reviewer`: the reviewer must be somebody other than the author"],
            id="own reviewer",
        ),
        pytest.param(
            "next_review: 2030-01-01",
            "next_review: soon",
            ["measures/users.yaml line 14 column 1: `next_review` must be a date such as 2024-01-31, not `soon`"],
            id="no date",
        ),
    ],
)
def test_a_wrong_measure(folder: Path, old: str, new: str, expected: list[str]) -> None:
    assert old in MEASURE
    (folder / "measures" / "users.yaml").write_text(MEASURE.replace(old, new))
    assert _problems(folder) == expected


def test_a_code_list_with_two_versions_is_named_with_its_version(folder: Path) -> None:
    (folder / "codelists" / "two.yaml").write_text(CODES.format(id="pain-killer", version=2))
    assert _problems(folder) == [
        "measures/users.yaml line 6 column 36: `numerator.had.codes`: code list `pain-killer` has several versions; "
        "write one of pain-killer v1, pain-killer v2"
    ]
    (folder / "measures" / "users.yaml").write_text(MEASURE.replace("pain-killer", "pain-killer v2"))
    question = read_library(folder).measure("users", 1).question
    assert isinstance(question, RecordsQuestion)
    assert [codes.version for codes in question.code_lists] == [2]


def test_problems_of_all_files_are_reported_at_once(folder: Path) -> None:
    (folder / "measures" / "users.yaml").write_text(MEASURE.replace("grain: year", "grian: year"))
    (folder / "innovations" / "new.yaml").write_text("id: new\n")
    (folder / "measures" / "other.yml").write_text(MEASURE)
    problems = _problems(folder)
    assert any(line.startswith("measures/users.yaml") for line in problems)
    assert any(line.startswith("innovations/new.yaml") for line in problems)
    assert "measures/other.yml: definitions end in .yaml; rename or remove this file" in problems


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="there is no such library folder"):
        read_library(tmp_path / "libary")


def test_the_digest_follows_the_codes_and_not_the_words(shipped: Library) -> None:
    measure = shipped.measure("celecoxib-ever", 1)
    assert replace(measure, title="Another title").digest == measure.digest
    question = _question(shipped, "celecoxib-ever")
    (codes,) = question.code_lists

    def digest(other: CodeList) -> str:
        had = question.numerator
        assert isinstance(had, Has)
        changed = replace(had, events=replace(had.events, codes=other))
        return replace(measure, question=replace(question, numerator=changed)).digest

    renamed = tuple((concept_id, "Another name") for concept_id in codes.concept_ids)
    assert digest(replace(codes, title="Another title", id="another-id", version=9, concepts=renamed)) == measure.digest
    assert digest(replace(codes, concepts=codes.concepts * 2)) == measure.digest
    assert digest(replace(codes, concepts=(*codes.concepts, (1, "x")))) != measure.digest
    assert digest(replace(codes, descendants=not codes.descendants)) != measure.digest


def test_the_digest_follows_everything_that_decides_a_count(shipped: Library) -> None:
    measure = shipped.measure("cardiac-arrests", 1)
    question = _question(shipped, "cardiac-arrests")
    had = question.numerator
    assert isinstance(had, Has)
    assert isinstance(question.unit, Rows)
    visits = question.unit.events
    moved = Window(first=Edge(anchor=Anchor.START, days=-1), last=Edge(anchor=Anchor.END))
    meanings = [
        measure,
        replace(measure, id="another"),
        replace(measure, version=2),
        replace(measure, grain=Grain.YEAR),
        replace(measure, strata=(Stratum.SEX,)),
        *(
            replace(measure, question=other)
            for other in (
                replace(question, unit=People()),
                replace(question, who=Age(low=18)),
                replace(question, who=Age(high=18)),
                replace(question, who=Sex(among=("male",))),
                replace(question, unit=Rows(events=visits, counted_on=Anchor.END)),
                replace(question, unit=Rows(events=replace(visits, codes=None))),
                replace(question, numerator=Not(of=had)),
                replace(question, numerator=AllOf(of=(had, had))),
                replace(question, numerator=AnyOf(of=(had, had))),
                replace(question, numerator=replace(had, events=replace(had.events, table=EventTable.OBSERVATION))),
                replace(question, numerator=replace(had, events=replace(had.events, first=True))),
                replace(question, numerator=replace(had, events=replace(had.events, where=None))),
                replace(question, numerator=replace(had, provided=Age(low=18))),
                replace(question, numerator=replace(had, at_least=2)),
                replace(question, numerator=replace(had, same_visit=True)),
                replace(question, numerator=replace(had, window=moved)),
            )
        ),
    ]
    assert len({one.digest for one in meanings}) == len(meanings)


def test_the_words_of_a_published_question_are_its_meaning(shipped: Library) -> None:
    measure = shipped.measure("ae-over-4-hours", 1)
    question = measure.question
    assert isinstance(question, PublishedQuestion)
    for other in (replace(question, numerator="another"), replace(question, denominator="another")):
        assert replace(measure, question=other).digest != measure.digest
    assert replace(measure, description="Another description.").digest == measure.digest
