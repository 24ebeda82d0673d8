"""Times opt-outs at a site of six million people: reading the list, matching people, leaving them out, pseudonyms.

python benchmarks/opt_outs.py [PEOPLE]
"""

import resource
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from rounds.records.exclusion import Exclusion
from rounds.records.nhs_numbers import WEIGHTS
from rounds.records.omop import open_records, person_files
from rounds.records.opt_outs.kept import KeptList, encode_kept, read_kept
from rounds.records.opt_outs.mesh import read_list, write_list
from rounds.records.opt_outs.people import read_people_numbers
from rounds.site.own_secrets import KEY_BYTES, Secret
from rounds.site.pseudonyms import Pseudonymiser

OPTED_OUT = 0.055
"""About the part of patients in England who have."""


class _Silent:
    def step(self, title: str, total: int) -> None: ...

    def advance(self) -> None: ...


@contextmanager
def _timed(what: str) -> Iterator[None]:
    start, before = time.perf_counter(), time.process_time()
    yield
    took, worked = time.perf_counter() - start, time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    sys.stdout.write(f"{what:<48} {took:7.2f} s  {worked:7.2f} s of processors  peak {peak:5.2f} GB\n")


def main() -> None:
    """Print a line for each step."""
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 6_000_000
    nine = np.arange(400_000_000, 400_000_000 + people * 6 // 5)
    last = -sum(weight * (nine // 10**place % 10) for weight, place in zip(WEIGHTS, range(8, -1, -1), strict=True)) % 11
    numbers = (nine * 10 + last)[last < 10][:people]
    rng = np.random.default_rng(1)
    rng.shuffle(numbers)
    ids = np.arange(1, people + 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "records").mkdir()
        frame = pl.DataFrame({"person_id": ids, "gender_concept_id": 8532, "year_of_birth": 1960})
        frame.write_parquet(folder / "records/person.parquet")
        frame.select(
            "person_id",
            observation_period_start_date=pl.date(2020, 1, 1),
            observation_period_end_date=pl.date(2024, 1, 1),
        ).write_parquet(folder / "records/observation_period.parquet")
        pl.DataFrame({"person_id": ids, "nhs_number": numbers}).write_csv(folder / "numbers.csv")
        with _timed("write the request"):
            write_list(folder / "request.dat", np.sort(numbers))
        back = np.sort(numbers[rng.random(people) >= OPTED_OUT])
        write_list(folder / "answer.dat", back)
        with _timed(f"read a list of {len(back):,} numbers, each checked"):
            found = read_list(folder / "answer.dat", progress=_Silent())
        with _timed("keep it, and read it again"):
            (folder / "allowed.list").write_bytes(encode_kept(KeptList(on=date(2025, 1, 1), numbers=np.sort(found))))
            allowed = read_kept(folder / "allowed.list")
            assert allowed is not None
        with _timed("read who has which number, each checked"):
            of_people = read_people_numbers(folder / "numbers.csv", site="benchmark")
        with _timed("open and check the records"):
            records = open_records(folder / "records", site="benchmark", as_of=date(2025, 1, 1))
        with _timed("match"):
            out = ids[~allowed.holds(of_people.of(ids))]
            records = records.without(Exclusion(person_ids=out, files=person_files(records)))
        for what, given in (("everybody", replace(records, excluded=None)), ("whoever is left", records)):
            with _timed(f"count {what} observed"), given.connect() as connection:
                connection.execute("SELECT count(DISTINCT person_id) FROM observation_period").fetchall()
        maker = Pseudonymiser(project="benchmark", key=1, secret=Secret(secrets.token_bytes(KEY_BYTES)))
        with _timed("100,000 pseudonyms"):
            for one in range(100_000):
                maker.of("person_id", str(one))


main()
