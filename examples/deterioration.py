"""How well NEWS2 warns, and how soon the next observations follow, in real records: the MIMIC-III demo.

Reads the folder of Parquet files of the demo (98 patients of intensive care units in Boston, de-identified, their
dates moved), scores its observations by the library's own tables and prints what a clinician would ask:

    .venv/bin/python examples/deterioration.py path/to/obs_mimic3_demo

Intensive care is not a ward. Charts are hourly, and what is charted every four hours (temperature, consciousness) is
carried forward for as long; oxygen is known where a fraction was charted in the last day, and taken for room air where
none was. Numbers from 98 patients show that it works; they say nothing of NEWS2. With `--csv FILE` the observations are
written as a site would have them, for `rounds deterioration FILE --blank-oxygen-is-air`.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from rounds.analyst import deterioration
from rounds.analyst.observation_sets import ObservationSets
from rounds.learning.deterioration.responses import responses, triggers, waits

ITEMS: Final = {
    "heart-rate": ((211, 220045), 20.0, 300.0),
    "respiratory-rate": ((618, 220210), 1.0, 80.0),
    "oxygen-saturation": ((646, 220277), 30.0, 100.0),
    "systolic-blood-pressure": ((455, 220179, 51, 220050), 30.0, 300.0),
    "body-temperature": ((676, 223762), 25.0, 45.0),
    "fahrenheit": ((678, 223761), 77.0, 113.0),
    "oxygen": ((190, 223835), 0.2, 100.0),
    "eyes": ((184, 220739), 1.0, 4.0),
    "verbal": ((723, 223900), 1.0, 5.0),
    "motor": ((454, 223901), 1.0, 6.0),
}
"""What each is called in the two charting systems, and the least and the most that is no slip of the pen."""
CARRIED_HOURS: Final = {
    "heart-rate": 1,
    "respiratory-rate": 1,
    "oxygen-saturation": 1,
    "systolic-blood-pressure": 1,
    "body-temperature": 5,
    "consciousness": 5,
    "oxygen": 24,
}
LACTATE = 50_813


def observations(folder: Path) -> pl.DataFrame:
    """Return the demo's sets of observations, one row for each charted heart rate of a stay in intensive care."""
    charted = _charted(folder)
    grid = charted.filter(pl.col("sign") == "heart-rate").select("stay", "minute").unique().sort("minute")
    for sign, hours in CARRIED_HOURS.items():
        its = (
            charted.filter(pl.col("sign") == sign).select("stay", "minute", pl.col("value").alias(sign)).sort("minute")
        )
        grid = grid.join_asof(its, on="minute", by="stay", tolerance=60 * hours, check_sortedness=False)
    return (
        grid.join(_stays(folder), on="stay")
        .filter(pl.col("minute").is_between("begin", "end"))
        .sort("stay", "minute")
        .select(
            "stay",
            "patient",
            _moment("minute").alias("observation_time"),
            pl.col("respiratory-rate").alias("respiratory_rate"),
            pl.col("oxygen-saturation").alias("spo2"),
            pl.col("oxygen").alias("fio2"),
            pl.col("systolic-blood-pressure").alias("systolic"),
            pl.col("heart-rate").alias("pulse"),
            pl.col("consciousness").replace_strict({1.0: "A", 0.0: "V"}).alias("avpu"),
            pl.col("body-temperature").alias("temperature"),
            pl.col("unit").alias("ward"),
            _moment("end").alias("stay_end"),
            _moment("died").alias("death"),
        )
    )


def _charted(folder: Path) -> pl.DataFrame:
    """Return what was charted: stay, minute, sign and value, one row for each."""
    rows = pl.read_parquet(folder / "chartevents_vitals.parquet").filter(
        pl.col("icustay_id").is_not_null() & pl.col("valuenum").is_not_null() & (pl.col("error").fill_null(0) == 0)
    )
    signs = [
        rows.filter(pl.col("itemid").is_in(items) & pl.col("valuenum").is_between(least, most)).select(
            pl.col("icustay_id").cast(pl.Int64).alias("stay"),
            _minute("charttime").alias("minute"),
            pl.lit(sign).alias("sign"),
            pl.col("valuenum").alias("value"),
            (pl.col("value").str.contains("ET/Trach|ETT|Trach")).alias("tube"),
        )
        for sign, (items, least, most) in ITEMS.items()
    ]
    # The least of several at a minute, which scores highest where a cuff and a line disagree about a low pressure.
    every = pl.concat(signs).group_by("stay", "minute", "sign").agg(pl.col("value").min(), pl.col("tube").any())
    plain = every.with_columns(
        pl.when(pl.col("sign") == "fahrenheit")
        .then((pl.col("value") - 32) / 1.8)
        .when((pl.col("sign") == "oxygen") & (pl.col("value") > 1))
        .then(pl.col("value") / 100)
        .otherwise(pl.col("value"))
        .alias("value"),
        pl.col("sign").replace({"fahrenheit": "body-temperature"}),
    )
    return pl.concat([plain.drop("tube"), _consciousness(every)]).unique(["stay", "minute", "sign"], keep="first")


def _consciousness(every: pl.DataFrame) -> pl.DataFrame:
    """Return alert or not from the Glasgow coma scale; with a tube nobody speaks, so eyes and movement decide."""
    parts = [
        every.filter(pl.col("sign") == sign).select("stay", "minute", pl.col("value").alias(sign), pl.col("tube"))
        for sign in ("eyes", "motor", "verbal")
    ]
    joined = (
        parts[0].drop("tube").join(parts[1].drop("tube"), on=["stay", "minute"]).join(parts[2], on=["stay", "minute"])
    )
    awake = (pl.col("eyes") == 4) & (pl.col("motor") == 6) & ((pl.col("verbal") == 5) | pl.col("tube").fill_null(False))
    return joined.select(
        "stay",
        "minute",
        pl.lit("consciousness").alias("sign"),
        pl.when(awake).then(1.0).otherwise(0.0).alias("value"),
    )


def _stays(folder: Path) -> pl.DataFrame:
    """Return when each stay in intensive care began and ended, in which unit, and when its patient died in hospital."""
    deaths = pl.read_parquet(folder / "admissions.parquet").select("hadm_id", _minute("deathtime").alias("died"))
    return (
        pl.read_parquet(folder / "icustays.parquet")
        .join(deaths, on="hadm_id", how="left")
        .select(
            pl.col("icustay_id").cast(pl.Int64).alias("stay"),
            pl.col("subject_id").alias("patient"),
            _minute("intime").alias("begin"),
            _minute("outtime").alias("end"),
            pl.col("first_careunit").alias("unit"),
            "died",
        )
    )


def read_lactates(folder: Path) -> pl.DataFrame:
    """Return when a lactate was taken in each stay: what stands here for a response to a trigger."""
    taken = pl.read_parquet(folder / "labevents.parquet").filter(pl.col("itemid") == LACTATE)
    inside = _stays(folder).join(
        pl.read_parquet(folder / "icustays.parquet").select(pl.col("icustay_id").alias("stay"), "subject_id"), on="stay"
    )
    return (
        taken.select("subject_id", _minute("charttime").alias("minute"))
        .join(inside, on="subject_id")
        .filter(pl.col("minute").is_between("begin", "end"))
        .select("stay", "minute")
    )


def _minute(column: str) -> pl.Expr:
    return pl.col(column).str.to_datetime("%Y-%m-%dT%H:%M:%SZ").dt.epoch("s").floordiv(60)


def _moment(column: str) -> pl.Expr:
    return pl.from_epoch(60 * pl.col(column), time_unit="s")


def responses_to(sets: ObservationSets, lactates: pl.DataFrame) -> list[str]:
    """Say how long it took from a trigger to the next lactate, by unit."""
    stays = sets.stays.cast(pl.Int64).to_numpy()
    units = np.zeros(len(stays), dtype=np.str_) if sets.wards is None else sets.wards
    at = triggers(stays=stays, minutes=sets.minutes, warns=sets.totals >= 7)
    found = waits(
        stays=stays[at],
        minutes=sets.minutes[at],
        stay_ends=sets.ends[at],
        response_stays=lactates["stay"].to_numpy(),
        response_minutes=lactates["minute"].to_numpy(),
    )
    lines = ["", "FROM REACHING NEWS2 7 TO THE NEXT LACTATE (what stands here for a review), by unit"]
    for one in responses(found, groups=units[at], within_minutes=60):
        low, high = (f"{end:,.0f}" if end is not None else "?" for end in one.median_interval)
        middle = f"{one.median_minutes:,.0f} min ({low} to {high})" if one.median_minutes is not None else "not reached"
        lines.append(
            f"  {one.group:6} {one.triggers:4} triggers, {one.never:4} never; median {middle}; within the hour "
            f"{_percent(one.within)} ({_percent(one.within_interval.lower)} to {_percent(one.within_interval.upper)})"
        )
    return lines


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share >= 0.1 or share == 0 else f"{100 * share:.1f}%"


def main() -> int:
    """Print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the folder of the MIMIC-III demo's Parquet files")
    parser.add_argument("--csv", type=Path, help="write the observations here too, for `rounds deterioration`")
    parser.add_argument("--out", type=Path, help="folder for the workbook and the figures")
    given = parser.parse_args()
    table = observations(given.folder)
    if given.csv:
        table.write_csv(given.csv)
    result = deterioration(table, blank_oxygen_is_air=True)
    if given.out:
        result.write(given.out)
    lines = [*result.sentences, *result.notes, *responses_to(result.sets, read_lactates(given.folder))]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
