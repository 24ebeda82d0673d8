"""A pack brought up to date is the same byte for byte as one built anew, whatever happened to the records."""

import tempfile
from pathlib import Path
from typing import Final
from unittest.mock import patch

import numpy as np
import polars as pl
from generated_sites import Site, sites, write_generated
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from small_site import open_site

from rounds.engines.pack import merging
from rounds.engines.pack.build import build_pack
from rounds.records.quality import QualityReport
from rounds.records.tables import EVENT_TABLES

PARTED: Final = tuple(table.value for table in EVENT_TABLES)


def everything(folder: Path) -> dict[str, bytes]:
    """Return every file of a pack but for what the disk says of it."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "written.json"}


def in_parts(site: Site, folder: Path) -> None:
    """Write a site with every table of events in several files."""
    write_generated(folder, site)
    for name in PARTED:
        path = folder / f"{name}.parquet"
        if path.exists():
            frame = pl.read_parquet(path)
            path.unlink()
            (folder / name).mkdir()
            for part in range(4):
                some = frame.gather_every(4, offset=part) if len(frame) > part else frame.clear()
                some.write_parquet(folder / name / f"{part}.parquet")


def changed(folder: Path, rng: np.random.Generator) -> None:
    """Change records as months do: rows come, go and are corrected, and people are born, moved about and leave."""
    for name in PARTED:
        parts = sorted((folder / name).glob("*.parquet"))
        for path in parts:
            frame = pl.read_parquet(path)
            match rng.integers(0, 8):
                case 0 if len(frame):  # another file with the same rows once more: rows that are alike
                    frame.reverse().write_parquet(path.with_name(f"{rng.integers(0, 9)}-{path.name}"))
                case 1:
                    frame.sample(fraction=0.5, seed=1).write_parquet(path)
                case 2 if len(parts) > 1:
                    path.unlink()
                    parts = parts[1:]
                case 3:
                    path.rename(path.with_name(f"9{path.name}"))
    people = pl.read_parquet(folder / "person.parquet")
    if rng.random() < 0.5:
        other = pl.Series(rng.permutation(people["year_of_birth"].to_numpy()))
        turned = pl.Series(rng.random(len(people)) < 0.3)
        people = people.with_columns(
            year_of_birth=pl.when(turned).then(other.cast(people["year_of_birth"].dtype)).otherwise("year_of_birth")
        )
    people.sample(fraction=1.0, shuffle=True, seed=2).write_parquet(folder / "person.parquet")
    observed = pl.read_parquet(folder / "observation_period.parquet")
    if rng.random() < 0.5:
        observed = observed.sample(fraction=0.7, seed=3)
    observed.write_parquet(folder / "observation_period.parquet")


MERGED: list[str] = []


@settings(max_examples=15, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(site=sites(), seed=st.integers(0, 1_000_000), most=st.sampled_from([0.25, 3.0]), fewer=st.booleans())
def test_a_pack_brought_up_to_date_is_one_built_anew(site: Site, seed: int, most: float, fewer: bool) -> None:
    rng = np.random.Generator(np.random.Philox(key=seed))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        records = folder / "records"
        records.mkdir()
        in_parts(site, records)
        everybody = pl.read_parquet(records / "person.parquet")
        if fewer:  # some people come only later; who is counted has nothing to say of rows that are refused
            everybody.sample(fraction=0.8, seed=seed).write_parquet(records / "person.parquet")
        build_pack(_unchecked(records), folder / "before")
        if fewer:
            everybody.write_parquet(records / "person.parquet")
        changed(records, rng)
        now = _unchecked(records)
        done = merging.merge_table

        def noted(*asked: object) -> object:
            found = done(*asked)  # type: ignore[arg-type]
            MERGED.extend(["merged"] if found else [])
            return found

        with patch.object(merging, "_MOST_CHANGED", most), patch("rounds.engines.pack.build.merge_table", noted):
            build_pack(now, folder / "merged", before=folder / "before")
        build_pack(now, folder / "anew")
        merged, anew = everything(folder / "merged"), everything(folder / "anew")
        assert merged == anew, [name for name in {*merged, *anew} if merged.get(name) != anew.get(name)]


def test_tables_were_merged() -> None:
    assert len(MERGED) > 10


def _unchecked(folder: Path):
    with patch("rounds.records.omop.check_values", _nothing_wrong):
        return open_site(folder, outside="exclude")


def _nothing_wrong(*_: object, site: str, **__: object) -> object:
    return [], QualityReport(site=site, people=1_000, left_out=())
