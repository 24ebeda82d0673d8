"""How much faster the pack engine is than SQL, one measure at a time and batched, and than pandas; same numbers.

Makes a hundred varied measures over the concepts of a synthetic population, counts them with every engine in the same
process, and refuses to print a time if the numbers differ. Read the ratios, not the seconds.

    .venv/bin/rounds synthetic --preset region region
    .venv/bin/python benchmarks/pack.py region/sites/site-01/records
"""

import argparse
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from threading import Event, Thread
from unittest.mock import patch

import duckdb
import numpy as np

from rounds.engines import duck
from rounds.engines.duck import Asked
from rounds.engines.pack import count_saying_how, open_pack
from rounds.measures.choices import Choose
from rounds.measures.codelists import CodeList
from rounds.measures.counts import Count
from rounds.measures.criteria import Age, AllOf, Criterion, Events, Has, Not, Observed, Sex, Value
from rounds.measures.definitions import Better, Measure
from rounds.measures.events import EventTable
from rounds.measures.periods import Grain
from rounds.measures.questions import ObservedOn, People, RecordsQuestion
from rounds.measures.strata import Stratum
from rounds.measures.windows import Anchor, Edge, Window
from rounds.records.omop import Records, open_records
from rounds.records.quality import QualityReport
from rounds.records.tables import EVENT_TABLES

SEED = 20_241_231
MEASURES = 100
AS_OF = date(2025, 1, 15)
TIMES = (1, 12, 60)

YEAR_BEFORE = Window(first=Edge(anchor=Anchor.END, months=-12, days=1), last=Edge(anchor=Anchor.END))
UNTIL_END = Window(first=None, last=Edge(anchor=Anchor.END))
BEFORE = Window(first=None, last=Edge(anchor=Anchor.START, days=-1))
THROUGHOUT = Window(first=Edge(anchor=Anchor.START), last=Edge(anchor=Anchor.END))
CODED = (
    EventTable.CONDITION_OCCURRENCE,
    EventTable.DRUG_EXPOSURE,
    EventTable.DRUG_ERA,
    EventTable.PROCEDURE_OCCURRENCE,
    EventTable.MEASUREMENT,
    EventTable.VISIT_OCCURRENCE,
)


@dataclass(frozen=True, kw_only=True)
class Codes:
    """What there is to ask for: how often each concept stands in each table, and the middle of its values."""

    frequent: dict[EventTable, list[int]]
    middles: dict[int, float]

    def draw(self, rng: np.random.Generator, table: EventTable, *, most: int = 3) -> CodeList:
        found = self.frequent[table]
        # Common concepts more often than rare ones, as in a library.
        share = 1.0 / np.arange(1, len(found) + 1)
        number = min(int(rng.integers(1, most + 1)), len(found))
        chosen = sorted(int(one) for one in rng.choice(found, number, replace=False, p=share / share.sum()))
        return CodeList(
            id=f"codes-{'-'.join(map(str, chosen))}",
            version=1,
            title="Codes",
            concepts=tuple((concept, f"concept {concept}") for concept in chosen),
            descendants=False,
        )


def codes_of(records: Records) -> Codes:
    frequent = {}
    with records.connect() as connection:
        for table in CODED:
            concept = EVENT_TABLES[table].concept
            rows = connection.execute(
                f"SELECT {concept} FROM {table} GROUP BY 1 HAVING count(*) > 200 "  # noqa: S608
                "ORDER BY count(*) DESC, 1 LIMIT 60"
            ).fetchall()
            frequent[table] = [row[0] for row in rows]
        middles = connection.execute(
            "SELECT measurement_concept_id, median(value_as_number) FROM measurement "
            "WHERE value_as_number IS NOT NULL GROUP BY 1 HAVING count(*) > 200"
        ).fetchall()
    return Codes(frequent=frequent, middles=dict(middles))


def measures_over(codes: Codes, *, grain: Grain) -> list[Measure]:
    """Return a hundred measures such as networks ask for."""
    rng = np.random.Generator(np.random.Philox(key=SEED))
    return [_measure(codes, rng, number, grain) for number in range(MEASURES)]


def _measure(codes: Codes, rng: np.random.Generator, number: int, grain: Grain) -> Measure:
    inside = Observed()
    condition, drug, test = EventTable.CONDITION_OCCURRENCE, EventTable.DRUG_EXPOSURE, EventTable.MEASUREMENT

    def had(
        table: EventTable,
        window: Window,
        *,
        times: int = 1,
        first: bool = False,
        provided: Criterion | None = None,
        choose: Choose = Choose.ANY,
    ) -> Has:
        events = Events(table=table, codes=codes.draw(rng, table), where=inside, first=first)
        return Has(events=events, window=window, at_least=times, provided=provided, choose=choose)

    def last_value() -> Has:
        concept = int(rng.choice(sorted(codes.middles)))
        one = CodeList(id=f"test-{concept}", version=1, title="Test", concepts=((concept, "test"),), descendants=False)
        return Has(
            events=Events(table=test, codes=one, where=inside),
            window=YEAR_BEFORE,
            choose=Choose.LAST,
            provided=Value(units=(), high=codes.middles[concept], high_included=False),
        )

    makers: list[Callable[[], tuple[Criterion | None, Criterion]]] = [
        lambda: (None, had(condition, YEAR_BEFORE)),
        lambda: (None, had(condition, THROUGHOUT, first=True)),
        lambda: (had(condition, UNTIL_END), last_value()),
        lambda: (had(condition, UNTIL_END), had(drug, YEAR_BEFORE, times=2)),
        lambda: (AllOf(of=(had(condition, UNTIL_END), Not(of=had(drug, BEFORE)))), had(drug, THROUGHOUT)),
        lambda: (Age(low=int(rng.integers(18, 66))), had(EventTable.PROCEDURE_OCCURRENCE, THROUGHOUT)),
        lambda: (AllOf(of=(Age(low=40, high=74), Not(of=had(condition, BEFORE)))), had(test, YEAR_BEFORE)),
        lambda: (Sex(among=("female",)), AllOf(of=(had(condition, UNTIL_END), had(drug, YEAR_BEFORE)))),
        lambda: (Age(low=65), had(EventTable.VISIT_OCCURRENCE, YEAR_BEFORE, times=3)),
        lambda: (None, had(EventTable.DRUG_ERA, THROUGHOUT, first=True, provided=Age(low=40))),
    ]
    who, numerator = makers[number % len(makers)]()
    question = RecordsQuestion(unit=People(observed=ObservedOn.ANY_DAY), who=who, numerator=numerator)
    return Measure(
        id=f"measure-{number}", version=1, title="Measure", description="Made up.", question=question, grain=grain,
        strata=(Stratum.AGE_BAND, Stratum.SEX), per=1000, unit="people", better=Better.NEITHER, author="A",
        reviewer="B", next_review=date(2030, 1, 1),
    )  # fmt: skip


def batch_of(measures: list[Measure], periods: int) -> list[Asked]:
    last = date(2024, 12, 31)
    first = date(2025 - periods // 12, 1, 1) if periods >= 12 else date(2024, 12, 1)
    return [Asked(measure=one, periods=one.periods(first=first, last=last)) for one in measures]


def seconds(work: Callable[[], object], *, repeats: int = 1) -> float:
    return times_of(work, repeats=repeats)[0]


def times_of(work: Callable[[], object], *, repeats: int = 1) -> tuple[float, float]:
    """Return the medians of seconds on the clock and of seconds of all cores: of a busy machine read the second."""
    clock, cores = [], []
    for _ in range(repeats):
        began, used = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - began)
        cores.append(time.process_time() - used)
    return statistics.median(clock), statistics.median(cores)


def same(one: tuple[Count, ...], other: tuple[Count, ...]) -> None:
    for mine, theirs in zip(one, other, strict=True):
        assert mine.cells.rows() == theirs.cells.rows(), mine.measure


def anonymous_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")) / 1000


def unchecked(folder: Path) -> Records:
    """Open records without looking at every value again: a synthetic population was checked when it was made."""
    from rounds.records import omop

    report = QualityReport(site="benchmark", people=1_000, left_out=())
    with patch.object(omop, "check_values", return_value=([], report)):
        return open_records(folder, site="benchmark", as_of=AS_OF)


FRESH = """
import time; began = time.perf_counter()
import sys; sys.path.insert(0, {here!r})
import pack as bench
from pathlib import Path
records = bench.unchecked(Path({folder!r}))
ready = time.perf_counter()
before = bench.anonymous_mb()
{work}
print(f"RssAnon {{before:.0f}} MB before, {{peak[0]:.0f}} MB at most", flush=True)
"""
"""What a new process does. `work` says what it has done, and notes in `peak` how much memory that took."""

BUILD = """
from rounds.engines.pack import build_pack
with bench.watched() as peak:
    clock, of_cores = bench.times_of(lambda: build_pack(records))
print(f"pack built in {clock:.1f} s, {of_cores:.1f} s of all cores")
"""

COUNT = """
import pickle
batch = pickle.loads(Path(BATCH).read_bytes())
with bench.watched() as peak:
    took = bench.seconds(lambda: bench.count_saying_how(batch, records, member="RX1"))
print(f"fresh process: opened after {ready - began:.2f} s, 100 measures in {took:.2f} s")
"""


@contextmanager
def watched() -> Iterator[list[float]]:
    """Note in a list how much memory of its own the process holds at most."""
    peak, done = [anonymous_mb()], Event()

    def watch() -> None:
        while not done.wait(0.01):
            peak[0] = max(peak[0], anonymous_mb())

    watching = Thread(target=watch)
    watching.start()
    try:
        yield peak
    finally:
        done.set()
        watching.join()


def in_a_fresh_process(folder: Path, work: str) -> None:
    code = FRESH.format(here=str(Path(__file__).parent), folder=str(folder), work=work)
    subprocess.run([sys.executable, "-c", code], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--build", action="store_true", help="build the pack anew and say how long it took")
    parser.add_argument("--sql", type=int, default=0, help="time so many measures one at a time in SQL, and scale")
    parser.add_argument("--batched", action="store_true", help="time the whole batch in SQL")
    chosen = parser.parse_args()
    records = unchecked(chosen.records)
    if chosen.build or open_pack(records) is None:
        in_a_fresh_process(chosen.records, BUILD)
    pack = open_pack(records)
    assert pack is not None
    measures = measures_over(codes_of(records), grain=Grain.MONTH)
    print(f"{pack.people:,} people, {len(measures)} measures; DuckDB {duckdb.__version__}")
    times: dict[int, float] = {}
    cores: dict[int, float] = {}
    for periods in TIMES:
        batch = batch_of(measures, periods)
        counted = count_saying_how(batch, records, member="RX1", pack=pack)
        assert not counted.fell_back, counted.fell_back
        again = partial(count_saying_how, batch, records, member="RX1", pack=pack)
        times[periods], cores[periods] = times_of(again, repeats=chosen.repeats)
        of_one = f"{cores[periods] / cores[1]:.2f} x one"
        print(
            f"pack, {periods:>2} periods: {times[periods]:.3f} s, {cores[periods]:.3f} of all cores, {of_one}",
            flush=True,
        )
    batch = batch_of(measures, 12)
    counts = count_saying_how(batch, records, member="RX1", pack=pack).counts
    if chosen.sql:
        step = len(batch) // chosen.sql
        sample = list(zip(batch[1::step], counts[1::step], strict=True))

        def one_by_one() -> None:
            for one, found in sample:
                same(duck.count_all([one], records, member="RX1"), (found,))

        took = seconds(one_by_one)
        whole = took / len(sample) * len(batch)
        print(f"separate SQL, 12 periods: {whole:.0f} s, scaled from {len(sample)}; {whole / times[12]:.0f} x the pack")
    if chosen.batched:
        took = seconds(lambda: same(duck.count_all(batch, records, member="RX1"), counts))
        print(f"batched SQL, 12 periods: {took:.1f} s; {took / times[12]:.0f} x the pack")
    with tempfile.NamedTemporaryFile(suffix=".pickle") as file:
        Path(file.name).write_bytes(pickle.dumps(batch))
        in_a_fresh_process(chosen.records, COUNT.replace("BATCH", repr(file.name)))


if __name__ == "__main__":
    main()
