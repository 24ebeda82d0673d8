# ruff: noqa: S608  SQL is built from our own names and quoted paths only
"""Which NHS number each of a site's people has, from a file that the site keeps for that."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from rounds.errors import RecordsError
from rounds.records.importing.identities import ERASED
from rounds.records.nhs_numbers import DIGITS, Numbers, are_valid
from rounds.records.opt_outs.mesh import refuse_repeated
from rounds.records.private_duckdb import private_duckdb
from rounds.records.table_files import file_scan

COLUMNS: Final = ("person_id", "nhs_number")
_OF_IDENTITIES: Final = ("number", "source_id")
_MEMORY: Final = "2GB"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PeopleNumbers:
    """People who have an NHS number, and which."""

    person_ids: NDArray[np.int64]
    """Sorted, nobody twice; shape (people,)."""
    numbers: Numbers
    """Of the person at the same place."""

    def of(self, person_ids: NDArray[np.int64]) -> Numbers:
        """Return the NHS number of each person; -1 for none.

        Args:
            person_ids: shape (people,).
        """
        if not len(self.person_ids):
            return np.full(len(person_ids), -1, dtype=np.int64)
        places = np.minimum(np.searchsorted(self.person_ids, person_ids), len(self.person_ids) - 1)
        return np.where(self.person_ids[places] == person_ids, self.numbers[places], -1)

    def __repr__(self) -> str:
        return "PeopleNumbers(not shown)"


def read_people_numbers(path: Path, *, site: str) -> PeopleNumbers:
    """Return the NHS numbers of a site's people. Spaces in them are let pass; somebody may have none.

    Args:
        path: a CSV with the columns person_id and nhs_number, or the Parquet file of identities that imports keep, if
            what the source calls people by are their NHS numbers.
        site: the site's id, for messages.

    Raises:
        RecordsError: naming the row where a number is wrong, a person comes twice, or two people have one number.
    """
    named = f"site {site}: {path}"
    if not path.is_file():
        raise RecordsError(f"{named}: there is no such file; correct `opt_outs.nhs_numbers` in site.yaml")
    identities = path.suffix.lower() == ".parquet"
    person, number = _OF_IDENTITIES if identities else COLUMNS
    digits = f"replace(coalesce(CAST(\"{number}\" AS VARCHAR), ''), ' ', '')"
    try:
        with private_duckdb(threads=2, memory_limit=_MEMORY) as connection:
            scan = file_scan(path)
            columns = {str(row[0]).lower() for row in connection.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()}
            if lacking := [name for name in (person, number) if name not in columns]:
                raise RecordsError(f"{named}: column `{lacking[0]}` is missing; it has {person} and {number}")
            rows = connection.execute(
                f'SELECT coalesce(TRY_CAST("{person}" AS BIGINT), -1) AS person, '
                f'TRY_CAST("{person}" AS BIGINT) IS NULL AS nobody, '
                f"CASE WHEN {digits} = '' OR starts_with({digits}, '{ERASED}') THEN -1 "
                f"WHEN regexp_full_match({digits}, '[0-9]{{{DIGITS}}}') "
                f"THEN CAST({digits} AS BIGINT) ELSE -2 END AS number, rounds_row FROM {scan}"
            ).fetchnumpy()
    except duckdb.Error:
        raise RecordsError(
            f"{named}: the file is not complete {'Parquet' if identities else 'CSV with a header row'} (truncated?); "
            "make it again"
        ) from None
    of_file = np.argsort(rows["rounds_row"], kind="stable")  # as it comes already: DuckDB keeps the order of files
    people, numbers, nobody = (np.asarray(rows[name])[of_file] for name in ("person", "number", "nobody"))
    has = numbers != -1
    invalid = numbers >= 0
    invalid[invalid] = ~are_valid(numbers[invalid])
    more = "; if the source does not call people by their NHS numbers, give a CSV instead" if identities else ""
    for wrong, what in (
        (nobody, "`person_id` is not a whole number"),
        (numbers == -2, f"not an NHS number, which has {DIGITS} digits{more}"),
        (invalid, f"the check digit of this NHS number is wrong, so that a digit was mistyped{more}"),
    ):
        if wrong.any():
            raise RecordsError(
                f"{named}: row {np.flatnonzero(wrong)[0] + 1:,}: {what}{_others(wrong)}; correct the file"
            )
    do = "who is who must be certain before records are used"
    refuse_repeated(people, what=f"{named}: row", of="person_id", do=f"{do}; give each person one row")
    places = np.flatnonzero(has)
    _refuse_shared(numbers, places, named=named, do=f"{do}: merge the two people, or correct one of the numbers")
    order = places[np.argsort(people[places], kind="stable")]
    return PeopleNumbers(person_ids=people[order], numbers=numbers[order])


def _refuse_shared(numbers: Numbers, places: NDArray[np.int64], *, named: str, do: str) -> None:
    """Raise if two people have one NHS number. Rows without one only count, to name the file's rows."""
    distinct = numbers.copy()
    without = np.ones(len(numbers), dtype=np.bool_)
    without[places] = False
    distinct[without] = -1 - np.arange(np.count_nonzero(without))
    refuse_repeated(distinct, what=f"{named}: row", of="NHS number", do=do)


def _others(wrong: NDArray[np.bool_]) -> str:
    rows = int(np.count_nonzero(wrong))
    return f" ({rows:,} such rows in all)" if rows > 1 else ""
