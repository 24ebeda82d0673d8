"""Published indices of deprivation: a file of small areas with deciles, ranks or scores, as equal groups of areas."""

import re
from pathlib import Path
from typing import Final

import polars as pl

from rounds.errors import RoundsError

AREA_CODE: Final = r"^[EWS]010\d{5}$|^95[A-Z]{2}\d{2}[A-Z]\d$|^N2[01]\d{6}$"
"""A lower-layer super output area, a data zone, or their like of Northern Ireland."""
FEWEST_AREAS: Final = 100
"""With fewer, groups cut from ranks or scores are of some neighbourhoods, and not of a country."""
_OF_ALL: Final = re.compile(r"\bimd\b|multiple deprivation")
"""What the whole index is called, in a heading with spaces for signs; single domains are others."""


def deprivation_groups(path: Path, *, groups: int, error: type[RoundsError]) -> dict[str, int]:
    """Return the group of each small area, 1 the most deprived.

    The file is a CSV or Parquet file as it is published: a column of area codes, and the index of multiple deprivation
    as deciles (1 the most deprived), ranks (likewise) or scores (the highest the most deprived). Deciles come first, as
    they are of the whole country whatever part of it the file holds; ranks must be of all areas, from 1 on.

    Args:
        path: of the file.
        groups: how many equal groups; of deciles a divisor of 10.
        error: raised if the file is not such a file; it names the row and the column, and what to do.
    """
    table = _read(path, error)
    codes = _codes(path, table, error)
    index = {kind: column for kind in ("decile", "rank", "score") if (column := _index(table, kind)) is not None}
    if "decile" in index and 10 % groups == 0:
        deciles = _numbers(path, table, index["decile"], error)
        wrong = (deciles < 1) | (deciles > 10) | (deciles != deciles.floor())
        _refuse(path, index["decile"], wrong, "a decile is 1 to 10; correct it", error)
        found = ((deciles - 1) * groups / 10).floor() + 1
    elif "rank" in index:
        ranks = _numbers(path, table, index["rank"], error)
        if (
            table.height < FEWEST_AREAS
            or ranks.min() != 1
            or ranks.max() != table.height
            or ranks.is_duplicated().any()
        ):
            raise error(
                f"{path.name}, column {index['rank']}: the ranks are not those of all areas, from 1 to "
                f"{table.height:,}; give the whole published file, or one with deciles"
            )
        found = ((ranks - 1) * groups / table.height).floor() + 1
    elif "score" in index:
        scores = _numbers(path, table, index["score"], error)
        if table.height < FEWEST_AREAS:
            raise error(
                f"{path.name}: {table.height} areas are too few to cut scores into groups; give the whole published "
                "file, or one with deciles"
            )
        found = ((scores.rank("ordinal", descending=True) - 1) * groups / table.height).floor() + 1
    else:
        raise error(
            f"{path.name}: no column is the decile, the rank or the score of the index of multiple deprivation; call "
            "it imd_decile, imd_rank or imd_score"
        )
    return dict(zip(codes.to_list(), found.cast(pl.Int64).to_list(), strict=True))


def _read(path: Path, error: type[RoundsError]) -> pl.DataFrame:
    try:
        table = (
            pl.read_parquet(path)
            if path.suffix == ".parquet"
            else pl.read_csv(path, infer_schema=False, encoding="utf8-lossy")
        )
    except FileNotFoundError:
        raise error(f"{path} is missing") from None
    except (pl.exceptions.PolarsError, OSError):
        raise error(f"{path.name}: it cannot be read as {path.suffix.removeprefix('.') or 'CSV'}") from None
    if not table.height:
        raise error(f"{path.name}: there are no rows")
    return table


def _codes(path: Path, table: pl.DataFrame, error: type[RoundsError]) -> pl.Series:
    for name in table.columns:
        if table[name].dtype != pl.String:
            continue
        codes = table[name].str.strip_chars()
        if codes.str.contains(AREA_CODE).fill_null(value=False).mean() or 0.0:
            _refuse(path, name, ~codes.str.contains(AREA_CODE).fill_null(value=False), "it is no area code", error)
            _refuse(path, name, codes.is_duplicated(), "the area is listed twice; keep one row", error)
            return codes
    raise error(f"{path.name}: no column holds codes of small areas, such as E01000001")


def _index(table: pl.DataFrame, kind: str) -> str | None:
    """Return the column of the index as a kind of number; one that names no domain will do."""
    plain = {name: re.sub(r"[^a-z0-9]+", " ", name.lower()).strip() for name in table.columns}
    for name, words in plain.items():
        if _OF_ALL.search(words) and kind in words.split():
            return name
    return next((name for name, words in plain.items() if words == kind), None)


def _numbers(path: Path, table: pl.DataFrame, name: str, error: type[RoundsError]) -> pl.Series:
    column = table[name]
    if column.dtype == pl.String:
        column = column.str.strip_chars().str.replace_all(",", "")
    numbers = column.cast(pl.Float64, strict=False)
    _refuse(path, name, ~numbers.is_finite().fill_null(value=False), "it is no number; correct it", error)
    return numbers


def _refuse(path: Path, column: str, bad: pl.Series, why: str, error: type[RoundsError]) -> None:
    rows = bad.arg_true()
    if len(rows):
        at = int(rows[0])
        place = f"row {at + 1}" if path.suffix == ".parquet" else f"line {at + 2}"
        raise error(f"{path.name}, {place}, column {column}: {why}")
