"""What tests of imports share: a job without an audience, and what it made."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl

from rounds.records.importing.generation import current_folder
from rounds.records.importing.session import Job

TODAY = date(2024, 12, 31)
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


class Silent:
    """Nobody watches."""

    def step(self, title: str, total: int) -> None: ...

    def advance(self) -> None: ...


def job(
    records: Path,
    *,
    check: Callable[[Path], None] = lambda _: None,
    carry: Callable[[Path, Path], None] = lambda _served, _new: None,
) -> Job:
    return Job(site="site-a", records=records, today=TODAY, progress=Silent(), check=check, carry=carry)


def imported(records: Path, table: str) -> pl.DataFrame:
    return pl.read_parquet(current_folder(records) / f"{table}.parquet")
