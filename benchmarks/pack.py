"""How much faster the pack engine is than SQL, one measure at a time and batched, and than pandas; same numbers.

Makes a hundred varied measures over the concepts of a synthetic population, counts them with every engine in the same
process, and refuses to print a time if the numbers differ. Read the ratios, not the seconds.

    .venv/bin/rounds synthetic --preset region region
    .venv/bin/python benchmarks/pack.py region/sites/site-01/records

With --month it times instead how a pack takes in a month, against building it anew. It writes both, and a copy of the
records, into a folder that it makes beside them and removes.
"""

import argparse
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from unittest.mock import patch

import duckdb
import numpy as np
from month import bring, hold_back

from rounds.engines import duck
from rounds.engines.asked import Asked
from rounds.engines.pack import count_saying_how, open_pack
from rounds.engines.pack.build import build_pack
from rounds.measures.choices import Choose
from rounds.measures.codelists import CodeList
from rounds.measures.counts import Count
from rounds.measures.criteria import AllOf, Criterion, Events, Has, Not
from rounds.measures.definitions import Better, Measure
from rounds.measures.events import EventTable
from rounds.measures.periods import Grain
from rounds.measures.questions import ObservedOn, People, RecordsQuestion
from rounds.measures.strata import Stratum
from rounds.measures.traits import Age, Observed, Sex, Value
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


def unchecked(folder: Path, *, remembered: Path | None = None) -> Records:
    """Open records without looking at every value again: a synthetic population was checked when it was made.

    Args:
        folder: where they lie.
        remembered: a file that remembers them as checked from then on.
    """
    from rounds.records import value_checks

    report = QualityReport(site="benchmark", people=1_000, left_out=())
    with patch.object(value_checks, "check_values", return_value=([], report)):
        return open_records(folder, site="benchmark", as_of=AS_OF, checked=remembered, keep=remembered is not None)


FRESH = """
import time
moments = [("", time.perf_counter(), time.process_time())]
def reached(what): moments.append((what, time.perf_counter(), time.process_time()))
import gc; gc.set_threshold(50_000)  # as the command line does
from datetime import date
from pathlib import Path
from rounds.engines.pack import count_saying_how, open_pack
from rounds.records.omop import open_records
reached("import")
records = open_records(Path({folder!r}), site="benchmark", as_of=date({as_of}), checked=Path({checked!r}))
pack = open_pack(records)
reached("open")
import pickle
batch = pickle.loads(Path({batch!r}).read_bytes())
moments[-1] = ("open", time.perf_counter(), time.process_time())
{watch}
count_saying_how(batch, records, member="RX1", pack=pack)
reached("first batch")
{watched}
"""

TIMES_OF_FRESH = """
steps = [(what, to - since, used - before) for (_, since, before), (what, to, used) in zip(moments, moments[1:])]
said = ", ".join(f"{what} {clock:.2f} s ({cores:.2f})" for what, clock, cores in steps)
clock, cores = (sum(step[part] for step in steps) for part in (1, 2))
print(f"{clock:.4f} {cores:.4f} fresh process: {said}, together {clock:.2f} s ({cores:.2f} of all cores)")
"""

BUILD = """
from datetime import date
from pathlib import Path
import sys; sys.path.insert(0, {here!r})
import pack as bench
from rounds.engines.pack.build import build_pack
records = bench.unchecked(Path({folder!r}))
{watch}
clock, of_cores = bench.times_of(lambda: build_pack(records))
print(f"pack built in {{clock:.1f}} s, {{of_cores:.1f}} s of all cores")
{watched}
"""

WATCH = """
def anonymous_mb():
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")) / 1000
import threading
before, done = anonymous_mb(), threading.Event()
peak = [before]
def watch():
    while not done.wait(0.01): peak[0] = max(peak[0], anonymous_mb())
threading.Thread(target=watch).start()
"""

WATCHED = """
done.set()
print(f"RssAnon {before:.0f} MB before, {peak[0]:.0f} MB at most")
"""


def fresh_processes(folder: Path, batch: list[Asked], *, repeats: int) -> None:
    """Say what a new process waits for: its imports, its records and their pack, its first batch; of several the least.

    Its records are remembered as checked, as a site's are, and Python's bytecode is kept, as where Rounds is installed.
    """
    with tempfile.TemporaryDirectory() as aside:
        pickled, checked = Path(aside) / "batch.pickle", Path(aside) / "checked.json"
        pickled.write_bytes(pickle.dumps(batch))
        unchecked(folder, remembered=checked)
        where = {"folder": str(folder), "batch": str(pickled), "checked": str(checked)}
        day = f"{AS_OF.year}, {AS_OF.month}, {AS_OF.day}"
        timed = FRESH.format(as_of=day, watch="", watched=TIMES_OF_FRESH, **where)
        found = [_said_by(timed).split(" ", 2) for _ in range(repeats + 1)][1:]
        print(min(found, key=lambda one: float(one[0]))[2].strip())
        print(_said_by(FRESH.format(as_of=day, watch=WATCH, watched=WATCHED, **where)).strip())


def _said_by(code: str) -> str:
    keeping = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, "-c", code], check=True, env=keeping, stdout=subprocess.PIPE, text=True)
    return done.stdout


def time_a_month(records: Records, month: date, *, repeats: int, everybody: bool) -> None:
    """Time a pack that takes in a month of rows, people and observation, against one that is built anew."""
    with tempfile.TemporaryDirectory(dir=records.folder.parent) as name:
        folder = Path(name)
        rows = hold_back(records, month, before=folder / "records", later=folder / "later", everybody=everybody)
        was = unchecked(folder / "records")
        for number in range(repeats):  # a pack grows once
            build_pack(was, folder / f"before-{number}")
        bring(folder / "later", folder / "records")
        now, times = unchecked(folder / "records"), []
        for number in range(repeats):
            before, grown, anew = (folder / f"{kind}-{number}" for kind in ("before", "grown", "anew"))
            grow, build = partial(build_pack, now, grown, before=before), partial(build_pack, now, anew)
            times.append((*times_of(grow), *times_of(partial(open_pack, now, grown)), *times_of(build)))
        grew, of_grown, opened, _, built, of_built = (statistics.median(some) for some in zip(*times, strict=True))
        print(f"{rows:,} rows of a month taken in: {grew:.2f} s, {of_grown:.2f} s of all cores; opened: {opened:.2f} s")
        print(f"built anew: {built:.1f} s, {of_built:.1f} s of all cores")
        print(f"a month takes {grew / built:.3f} of building anew, {of_grown / of_built:.3f} of all cores")
        batch = batch_of(measures_over(codes_of(now), grain=Grain.MONTH), 12)
        counted = [
            partial(count_saying_how, batch, now, member="RX1", pack=open_pack(now, path)) for path in (grown, anew)
        ]
        same(counted[0]().counts, counted[1]().counts)
        of_grown, of_built = (times_of(one, repeats=5)[1] for one in counted)
        print(
            f"100 measures, 12 periods: {of_grown:.3f} s of all cores from what grew, {of_built:.3f} s from the other"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--build", action="store_true", help="build the pack anew and say how long it took")
    parser.add_argument("--sql", type=int, default=0, help="time so many measures one at a time in SQL, and scale")
    parser.add_argument("--month", type=date.fromisoformat, help="time taking in the last month, which begins then")
    parser.add_argument("--everybody", action="store_true", help="the month brings all people again, not the new ones")
    parser.add_argument("--batched", action="store_true", help="time the whole batch in SQL")
    parser.add_argument("--codes-from", type=Path, help="records to choose codes from, where these do not fit SQL")
    chosen = parser.parse_args()
    records = unchecked(chosen.records)
    if chosen.month:
        time_a_month(records, chosen.month, repeats=chosen.repeats, everybody=chosen.everybody)
        return
    if chosen.build or open_pack(records) is None:
        here = str(Path(__file__).parent)
        code = BUILD.format(here=here, folder=str(chosen.records), watch=WATCH, watched=WATCHED)
        print(_said_by(code).strip(), flush=True)
    pack = open_pack(records)
    assert pack is not None
    chosen_from = unchecked(chosen.codes_from) if chosen.codes_from else records
    measures = measures_over(codes_of(chosen_from), grain=Grain.MONTH)
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
    fresh_processes(chosen.records, batch, repeats=chosen.repeats)


if __name__ == "__main__":
    main()
