"""The outside judge's measures, written in our language, give the judge's counts of every population in every case."""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from ecqm_cases import Case, read_cases, write_export
from ecqm_measures import (
    FOLDER,
    Judged,
    Vocabulary,
    days_of,
    expected,
    read_judged,
    read_vocabulary,
    why_not_judged,
    write_map,
)
from every_engine import ENGINES
from importing_job import SHARED, job

from rounds.engines import reference
from rounds.measures.counts import Count
from rounds.measures.periods import Period
from rounds.records.importing.build import CodeSources
from rounds.records.importing.fhir.load import import_fhir
from rounds.records.importing.generation import current_folder
from rounds.records.omop import Records, open_records

HELD_AGAINST = (("Measures over FHIR", "CMS test cases (QI-Core 2024), expected population counts", "exact"),)

CASES = SHARED / "ecqm_qicore2024"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "ecqm.md"
NAMES = sorted(path.stem for path in FOLDER.glob("*FHIR.yaml"))
PARTS = {"duckdb": 2}
"""Engines that count no single person count the cases in so many parts, or all together."""

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the third-party data are not beside the checkout")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """The cases, imported, and the measures they judge."""

    folder: Path
    records: Records
    numbers: dict[str, int]
    """The number that the import gave to each patient."""
    measures: dict[str, Judged]
    cases: dict[str, tuple[Case, ...]]
    """Those that can be judged, by measure."""
    left_out: dict[str, Counter[str]]

    def number(self, case: Case) -> int:
        (patient,) = case.patients
        return self.numbers[patient]

    def period(self, name: str) -> tuple[Period, ...]:
        first, last = days_of(self.cases[name][0])
        return (Period(start=first, end=last),)


def _opened(folder: Path) -> Records:
    return open_records(folder, site="judge", as_of=date(2027, 12, 31), outside_observation="exclude")


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    folder = tmp_path_factory.mktemp("judge")
    cases = list(read_cases(CASES))
    vocabulary: Vocabulary = read_vocabulary(CASES / "valuesets.parquet")
    write_map(vocabulary, folder / "codes.csv", cases)
    records = folder / "records"
    import_fhir(write_export(cases, folder / "export"), job(records), codes=CodeSources(code_map=folder / "codes.csv"))
    identities = pl.read_parquet(records / "identities" / "person.parquet")
    measures = {name: read_judged(name, vocabulary, folder) for name in NAMES}
    judged: dict[str, list[Case]] = {name: [] for name in NAMES}
    left_out: dict[str, Counter[str]] = {name: Counter() for name in NAMES}
    for case in cases:
        if case.measure in measures:
            why = why_not_judged(case, measures[case.measure], vocabulary)
            if why is None:
                judged[case.measure].append(case)
            else:
                left_out[case.measure][why] += 1
    return Judge(
        folder=current_folder(records),
        records=_opened(records),
        numbers=dict(identities.select("source_id", "number").iter_rows()),
        measures=measures,
        cases={name: tuple(some) for name, some in judged.items()},
        left_out=left_out,
    )


def test_at_least_six_measures_are_in() -> None:
    assert len(NAMES) >= 6


@pytest.mark.parametrize("name", NAMES)
def test_every_case_gives_the_counts_that_are_expected(judge: Judge, name: str) -> None:
    measure, periods = judge.measures[name], judge.period(name)
    counted = [reference.count_by_person(one, judge.records, periods=periods) for one in measure.measures]
    wrong = {}
    for case in judge.cases[name]:
        of = [found.get(judge.number(case), (0, 0)) for found in counted]
        (excluded, initial), (met, left) = of[:2]
        found = {
            "initial-population": initial,
            "denominator": initial,
            "denominator-exclusion": excluded,
            "numerator": met,
            "denominator-exception": of[2][0] if len(of) > 2 else 0,
        }
        said = expected(case)
        assert left == initial - excluded
        if said != {population: found[population] for population in said}:
            wrong[case.name] = (said, found)
    assert judge.cases[name]
    assert not wrong


@pytest.mark.parametrize("engine", ["duckdb", pytest.param("pack", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", NAMES)
def test_engines_count_what_is_expected_together(judge: Judge, tmp_path: Path, name: str, engine: str) -> None:
    measure, periods = judge.measures[name], judge.period(name)
    parts = PARTS.get(engine, 1)
    for part in range(parts):
        cases = judge.cases[name][part::parts]
        records = _only(judge, cases, tmp_path / str(part))
        said: Counter[str] = Counter()
        for case in cases:
            said.update(expected(case))
        excluded, met, *rest = (
            _sums(ENGINES[engine](one, records, member="RX1", periods=periods)) for one in measure.measures
        )
        assert excluded == (said["denominator-exclusion"], said["initial-population"])
        assert met == (said["numerator"], said["initial-population"] - said["denominator-exclusion"])
        assert [exceptions for exceptions, _ in rest] == [said["denominator-exception"]][: len(rest)]


def test_the_page_says_how_many_agree(judge: Judge) -> None:
    rows = [
        f"| {name} | {sum(judge.left_out[name].values()) + len(judge.cases[name])} | {len(judge.cases[name])} | "
        f"{len(judge.cases[name])} |"
        for name in NAMES
    ]
    reasons: Counter[str] = sum(judge.left_out.values(), start=Counter())
    told = [f"- {number} cases: {why}" for why, number in reasons.most_common()]
    found = PAGE.read_text(encoding="utf-8")
    page = [line for line in found.splitlines() if re.match(r"\| \w+FHIR \| [0-9]|- [0-9]+ cases: ", line)]
    assert page == [*rows, *told]


def _only(judge: Judge, cases: tuple[Case, ...], folder: Path) -> Records:
    """Return records in which nobody else was ever observed, nor anything of theirs."""
    folder.mkdir()
    wanted = [judge.number(case) for case in cases]
    for path in judge.folder.glob("*.parquet"):
        frame = pl.read_parquet(path)
        if "person_id" in frame.columns and path.stem != "person":
            frame = frame.filter(pl.col("person_id").is_in(wanted))
        frame.write_parquet(folder / path.name)
    return _opened(folder)


def _sums(count: Count) -> tuple[int, int]:
    return count.cells["numerator"].sum(), count.cells["denominator"].sum()
