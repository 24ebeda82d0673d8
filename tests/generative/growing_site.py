"""Generated sites whose records come month by month, as files of their own, while people come, change and stay on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from unittest.mock import patch

import numpy as np
import polars as pl
from generated_sites import FILLER, STRANGER, Site, write_generated
from small_site import open_site, unchecked

from rounds.engines.pack.build import build_pack
from rounds.engines.pack.layout import Pack
from rounds.measures.groupings import Attribute
from rounds.records.omop import Records
from rounds.records.tables import EVENT_TABLES

MONTHS: Final = 3
_SOMEBODY: Final = 800_001
"""Of whom nobody asks, and who is always there."""


def months_of(folder: Path, site: Site, rng: np.random.Generator, *, disturbed: bool = False) -> Iterator[Records]:
    """Write a site month by month, and yield its records each time; in the last month they are all there.

    Args:
        folder: an empty one.
        site: in the end.
        rng: which rows come when.
        disturbed: whether files that were there change too, and people go for a month.
    """
    whole, records = folder / "whole", folder / "records"
    whole.mkdir()
    records.mkdir()
    write_generated(whole, site)
    frames = {path.stem: pl.read_parquet(path) for path in whole.glob("*.parquet")}
    events = {name: frame for name, frame in frames.items() if name in set(EVENT_TABLES)}
    if rng.random() < 0.7:  # rows of nobody are left out, and when people come a table with such rows is read anew
        whose = pl.col("person_id").replace({FILLER["person"]: _SOMEBODY})
        events = {name: frame.with_columns(whose) for name, frame in events.items()}
    month = {name: rng.choice(MONTHS, len(frame), p=(0.5, 0.3, 0.2)) for name, frame in events.items()}
    comes = {who: 0 if who in (STRANGER, _SOMEBODY) else rng.choice(MONTHS, p=(0.7, 0.2, 0.1)) for who in _ids(frames)}
    people_apart = rng.random() < 0.7
    if people_apart:
        (records / "person").mkdir()
        others = [who for who in comes if who not in (STRANGER, _SOMEBODY)]
        comes |= dict(zip(rng.permutation(others).tolist(), (1, 2), strict=False))
        if rng.random() < 0.9:  # whoever has a concept that nobody had is read with all others
            frames["person"] = _alike(frames["person"], [who for who, month in comes.items() if month > 0])
    for now in range(MONTHS):
        for since in range(now + 1) if people_apart else ():  # all of them, for one may have been disturbed
            arrived = pl.col("person_id").is_in([who for who, month in comes.items() if month == since])
            frames["person"].filter(arrived).write_parquet(records / "person" / f"{since}.parquet")
        for name, frame in events.items():
            (records / name).mkdir(exist_ok=True)
            of_month = frame.filter(pl.Series(month[name] == now))
            if now == 0 or len(of_month) or rng.random() < 0.3:
                of_month.write_parquet(records / name / f"{rng.integers(0, 9)}-{now}.parquet")
        for name, frame in frames.items():
            if name not in events and not (name == "person" and people_apart):
                of_places = people_apart and name in ("care_site", "location")
                if of_places and now > 0:  # the same file: what people name is as it was
                    continue
                last = now == MONTHS - 1 or of_places
                _as_known(name, frame if last else _earlier(name, frame, rng), comes, now).write_parquet(
                    records / f"{name}.parquet"
                )
        if disturbed and 0 < now < MONTHS - 1:
            _disturb(records, rng)
        yield open_site(records, outside="exclude") if now == MONTHS - 1 else unchecked(records)


def _alike(person: pl.DataFrame, who: list[int]) -> pl.DataFrame:
    """Give some people what the records say of somebody who is always there."""
    (always,) = person.filter(pl.col("person_id") == _SOMEBODY).iter_rows(named=True)
    alike = [attribute.column for attribute in Attribute if attribute.is_concept]
    some = pl.col("person_id").is_in(who)
    return person.with_columns(
        pl.when(some).then(pl.lit(always[name], dtype=person[name].dtype)).otherwise(name).alias(name)
        for name in [*alike, "month_of_birth", "day_of_birth"]
        if name in person.columns
    )


def _ids(frames: dict[str, pl.DataFrame]) -> list[int]:
    return frames["person"]["person_id"].to_list()


def _as_known(name: str, frame: pl.DataFrame, comes: dict[int, int], now: int) -> pl.DataFrame:
    """Return what is there of people who have come."""
    if "person_id" not in frame.columns:
        return frame
    return frame.filter(pl.col("person_id").is_in([who for who, month in comes.items() if month <= now]))


def _earlier(name: str, frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Return what a table that is written anew each month may have been before: less, or other than it was."""
    match name:
        case "person" if rng.random() < 0.5:
            column = str(rng.choice(["year_of_birth", "gender_concept_id", "month_of_birth", "care_site_id"]))
            counted = pl.col("year_of_birth").is_between(1900, 2020)
            others = frame.filter(counted)[column].drop_nulls().to_list() or [1]
            turned = pl.Series(rng.choice(others, len(frame)), dtype=frame[column].dtype)
            some = counted & pl.Series(rng.random(len(frame)) < 0.4)
            return frame.with_columns(pl.when(some).then(turned).otherwise(column).alias(column))
        case "observation_period" if len(frame) and rng.random() < 0.7:
            if rng.random() < 0.5:
                return frame.sample(fraction=0.6, seed=int(rng.integers(1_000)))
            end = pl.col("observation_period_end_date")
            start = pl.col("observation_period_start_date")
            return frame.with_columns(pl.max_horizontal(start, end.dt.offset_by("-40d")).alias(end.meta.output_name()))
        case "care_site" | "location" | "concept_ancestor" if rng.random() < 0.7:
            return frame.sample(fraction=0.6, seed=int(rng.integers(1_000)))
    return frame


def _disturb(records: Path, rng: np.random.Generator) -> None:
    match rng.integers(0, 4):
        case 0:
            path = records / "person" / "0.parquet" if (records / "person").is_dir() else records / "person.parquet"
            people = pl.read_parquet(path)
            people.filter(pl.col("person_id") != int(rng.integers(1, 5))).write_parquet(path)
        case 1:
            path = sorted((records / str(rng.choice(sorted(EVENT_TABLES)))).iterdir())[0]
            pl.read_parquet(path).reverse().write_parquet(path)
        case 2:
            path = sorted((records / str(rng.choice(sorted(EVENT_TABLES)))).iterdir())[0]
            path.rename(path.with_name(f"x{path.name}"))


def grow(records: Records, folder: Path, *, before: Path | None) -> Pack:
    """Return a pack made from the one before however much has come. No disk is waited for: the power stays on."""
    growing, more = "rounds.engines.pack.growing.MOST_ADDED", "rounds.engines.pack.more_people.MOST_MORE"
    with patch(growing, 100.0), patch(more, 100.0), patch("os.fsync"):
        return build_pack(records, folder, before=before)


def grown_pack(folder: Path, site: Site, rng: np.random.Generator) -> tuple[Records, Pack]:
    """Return a site's records and a pack that has grown with them, month by month."""
    before = None
    for number, records in enumerate(months_of(folder, site, rng)):
        pack = grow(records, folder / "packs" / str(number), before=before)
        before = pack.folder
    return records, pack
