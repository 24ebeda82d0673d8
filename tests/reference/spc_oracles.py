"""Reading the reference results of control charts, which are kept outside the repository."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rounds.learning.variation.over_time.rules import Vector

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "oracles" / "spc"


def folder_of(case: str) -> Path:
    """Return a case's folder, or skip the test."""
    folder = CASES / case
    if not folder.is_dir():
        pytest.skip(f"the reference results are not here: {case} is kept outside the repository")
    return folder


def table(case: str, name: str) -> pl.DataFrame:
    return pl.read_csv(folder_of(case) / name, infer_schema_length=None, null_values=["NA"])


def options(case: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder_of(case) / "options.json").read_text())
    return found


def numbers(frame: pl.DataFrame, column: str) -> Vector:
    """Return a column as numbers, NaN where there is none."""
    return frame[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
