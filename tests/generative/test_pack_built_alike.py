"""A pack is the same byte for byte, however the rows came: read in one way or the other, all together or a few."""

import tempfile
from pathlib import Path
from unittest.mock import patch

import numpy as np
import polars as pl
from generated_sites import Site, sites, write_generated
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from small_site import open_site

from rounds.engines.pack import build_table, reading
from rounds.engines.pack.build import build_pack


def arrays(folder: Path) -> dict[str, bytes]:
    """Return every array of a pack."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.npy"))}


@settings(max_examples=5, phases=[Phase.generate])  # a smaller example takes minutes to find
@given(site=sites(), rows=st.integers(1, 9), shuffle=st.booleans())
def test_a_pack_is_the_same_however_its_rows_are_read(site: Site, rows: int, shuffle: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "records").mkdir()
        write_generated(folder / "records", site)
        build_pack(open_site(folder / "records", outside="exclude"), folder / "polars")
        read: list[object] = []
        with patch.object(reading, "_columns_of_our_types", lambda *_: read.append(_)):
            build_pack(open_site(folder / "records", outside="exclude"), folder / "duckdb")
        assert read
        if shuffle:
            for path in (folder / "records").glob("*.parquet"):
                frame = pl.read_parquet(path)
                frame.sample(fraction=1.0, shuffle=True, seed=rows).write_parquet(path, row_group_size=rows)
        with (
            patch.object(reading, "BATCH_ROWS", rows),
            patch.object(build_table, "SORTED_ROWS", rows),
            patch.object(build_table, "_ROWS_A_SLOT", rows),
        ):
            build_pack(open_site(folder / "records", outside="exclude"), folder / "few")
        expected = arrays(folder / "polars")
        assert any(len(np.load(folder / "polars" / name)) for name in expected)
        for other in ("duckdb", "few"):
            assert arrays(folder / other) == expected, [
                name for name, held in arrays(folder / other).items() if held != expected[name]
            ]
