"""A round's steps as one program: code lists that overlap, many blocks of people, more masks than places."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from small_site import DRUG, open_site, people_measure, write_site

from rounds.engines import duck, pack
from rounds.engines.asked import Asked
from rounds.engines.pack import blocks, build_table, program, reading, runner
from rounds.engines.pack import plan as planning
from rounds.engines.pack.build import build_pack
from rounds.measures.choices import Distinct, Touches
from rounds.measures.codelists import CodeList
from rounds.measures.criteria import AllOf, AnyOf, Criterion, Events, Has, Not
from rounds.measures.events import EventTable
from rounds.measures.periods import Grain
from rounds.measures.strata import Stratum
from rounds.measures.traits import Age, Observed
from rounds.measures.windows import EVER, Anchor, Edge, Window
from rounds.records.omop import Records

PEOPLE = 700
START = date(2019, 1, 1)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Records:
    """Seven hundred people with six drugs, some of them before anybody observed them."""
    rng = np.random.Generator(np.random.Philox(key=11))
    person = rng.integers(1, PEOPLE + 1, 6_000)
    day = rng.integers(0, 3 * 365, len(person))
    length = rng.integers(0, 60, len(person))
    starts = [START + timedelta(int(one)) for one in day]
    ends = [one + timedelta(int(more)) for one, more in zip(starts, length, strict=True)]
    drug = rng.integers(11, 17, len(person))
    rows = list(zip(person.tolist(), drug.tolist(), starts, ends, strict=True))
    columns = ["person_id", "drug_concept_id", "drug_era_start_date", "drug_era_end_date"]
    people = [(one, (8507, 8532, 0)[one % 3], 1930 + one % 80) for one in range(1, PEOPLE + 1)]
    observed = [(one, START + timedelta(one % 400), date(2021, 12, 31)) for one in range(1, PEOPLE + 1)]
    folder = write_site(
        tmp_path_factory.mktemp("site"),
        person=people,
        observation_period=observed,
        drug_era=pl.DataFrame(rows, schema=columns, orient="row"),
    )
    return open_site(folder, outside="exclude")


def _drugs(*concepts: int) -> CodeList:
    named = tuple((concept, f"drug {concept}") for concept in concepts)
    return replace(DRUG, id="drugs-" + "-".join(map(str, concepts)), concepts=named)


LISTS = (_drugs(11), _drugs(11, 12), _drugs(12, 13, 14), _drugs(11, 12, 13, 14, 15), _drugs(16), _drugs(99))
WINDOWS = (
    Window(first=Edge(anchor=Anchor.END, days=-100), last=Edge(anchor=Anchor.END)),
    EVER,
    Window(first=None, last=Edge(anchor=Anchor.END)),
    Window(first=Edge(anchor=Anchor.START), last=None),
)


def _had(codes: CodeList, window: Window, **other: object) -> Has:
    inside = None if len(codes.concepts) % 2 else Observed()
    return Has(events=Events(table=EventTable.DRUG_ERA, codes=codes, where=inside), window=window, **other)  # type: ignore[arg-type]  # choices of the test


def _criteria() -> list[Criterion]:
    several: list[Criterion] = [
        _had(codes, window, at_least=number) for codes in LISTS for window in WINDOWS[:2] for number in (1, 2, 3)
    ]
    several += [_had(codes, WINDOWS[0], touches=touches) for codes in LISTS for touches in Touches]
    several += [_had(codes, WINDOWS[0], at_least=2, touches=Touches.OVERLAPS) for codes in LISTS]
    several += [_had(LISTS[3], WINDOWS[0], at_least=2, distinct=Distinct.DAYS)]
    some, other, rare = several[0], several[9], several[14]
    young = Age(high=40)
    return [
        *several,
        Not(of=some),
        AllOf(of=(Not(of=some), Not(of=other))),
        AllOf(of=(Not(of=rare), some, other)),
        AllOf(of=(some,)),
        AnyOf(of=(some, Not(of=rare), young)),
        AnyOf(of=(rare, several[7])),  # of those who had one drug once, some had neither so often
        AnyOf(of=(some, other, young, rare), at_least=2),
        AnyOf(of=(some, AllOf(of=(other, Not(of=young))), young, rare), at_least=3),
        *(
            Has(
                events=Events(table=EventTable.DRUG_ERA, codes=codes, where=where, first=True),
                window=window,
                provided=provided,
            )
            for codes in LISTS
            for where, window in ((Observed(), WINDOWS[0]), (None, WINDOWS[2]), (Observed(), WINDOWS[3]))
            for provided in (None, young, Age(low=30, high=60))
        ),
    ]


@pytest.mark.parametrize(
    ("at_a_time", "block", "first"),
    [
        (2_048, 32_768, START),
        (2_048, 32_768, date(2016, 9, 1)),  # 64 months: as many as a mask has bits
        (64, 200, date(2020, 1, 1)),  # as many as half of its bits hold
        (7, 50, date(2021, 3, 1)),  # or a quarter
    ],
)
def test_a_large_batch_agrees_with_sql(
    records: Records, monkeypatch: pytest.MonkeyPatch, at_a_time: int, block: int, first: date
) -> None:
    monkeypatch.setattr(runner, "PEOPLE_AT_A_TIME", at_a_time)
    monkeypatch.setattr(blocks, "BLOCK_PEOPLE", block)
    strata = ((), (Stratum.SEX,), (Stratum.AGE_BAND, Stratum.SEX), (Stratum.SEX, Stratum.AGE_BAND))
    measures = [
        replace(
            people_measure(one, grain=Grain.MONTH, strata=strata[number % 4], age_min=(None, 30)[number % 2]),
            id=f"m{number}",
        )
        for number, one in enumerate(_criteria())
    ]
    batch = [Asked(measure=one, periods=one.periods(first=first, last=date(2021, 12, 31))) for one in measures]
    found = pack.count_saying_how(batch, records, member="RX1")
    assert found.fell_back == ()
    expected = _by_sql(records, tuple(batch))
    for one, mine, theirs in zip(batch, found.counts, expected, strict=True):
        assert mine.cells.rows() == theirs, one.measure.question


def _by_sql(records: Records, batch: tuple[Asked, ...]) -> list[list[tuple[object, ...]]]:
    return [one.cells.rows() for one in duck.count_all(batch, records, member="RX1")]


def test_concepts_of_several_lists_are_looked_at_once(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[program.Program] = []

    class Kept(program.Program):
        def __post_init__(self) -> None:
            program.Program.__post_init__(self)
            made.append(self)

    monkeypatch.setattr(planning, "Program", Kept)
    wanted = [_had(codes, EVER) for codes in (LISTS[0], LISTS[2], _drugs(11, 13, 15))]
    measures = [replace(people_measure(one, grain=Grain.MONTH), id=f"m{n}") for n, one in enumerate(wanted)]
    batch = [Asked(measure=one, periods=one.periods(first=START, last=date(2019, 12, 31))) for one in measures]
    pack.count_all(batch, records, member="RX1")
    (one,) = made
    scanned = [row for row in one.operations.tolist() if row[0] == program.SCAN]
    concepts = sum(row[7] - row[6] for row in scanned)
    assert concepts == len({11, 12, 13, 14, 15})


def test_many_rows_are_sorted_some_people_at_a_time(
    records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_pack(records, tmp_path / "whole")
    monkeypatch.setattr(build_table, "SORTED_ROWS", 70)
    monkeypatch.setattr(build_table, "_ROWS_A_SLOT", 20)
    monkeypatch.setattr(reading, "BATCH_ROWS", 90)
    build_pack(records, tmp_path / "by people")
    for path in (tmp_path / "whole").glob("*.npy"):
        assert (np.load(path) == np.load(tmp_path / "by people" / path.name)).all(), path.name
