"""How well NEWS2 warns, and how soon the next observations follow, in real records: the MIMIC-III demo.

Reads the folder of Parquet files of the demo (98 patients of intensive care units in Boston, de-identified, their
dates moved), scores its observations by the library's own tables and prints what a clinician would ask:

    .venv/bin/python examples/deterioration.py path/to/obs_mimic3_demo

Intensive care is not a ward. Charts are hourly, and what is charted every four hours (temperature, consciousness) is
carried forward for as long; oxygen is known where a fraction was charted in the last day, and taken for room air where
none was. How many sets are complete without that is printed first. Numbers from 98 patients show that it works; they
say nothing of NEWS2.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from rounds.learning.deterioration.by_patient import cluster_sums, clustered
from rounds.learning.deterioration.calibration import Line, fit_risk, recalibrate
from rounds.learning.deterioration.decision_curve import DecisionCurve, decision_curve
from rounds.learning.deterioration.discrimination import Auroc, auroc
from rounds.learning.deterioration.on_time import observations_on_time
from rounds.learning.deterioration.responses import responses, triggers, waits
from rounds.learning.deterioration.score_table import ScoreTable, add_tables, count_scores
from rounds.learning.deterioration.sets import Take, chosen, outcome_within
from rounds.learning.deterioration.shares import Interval, NoAnswer, Share
from rounds.learning.deterioration.thresholds import thresholds
from rounds.measures.schedules import Schedule
from rounds.measures.score_sets import ScoredSets, score_sets
from rounds.measures.scores import Score
from rounds.storage.library import read_library, shipped_library_folder

ITEMS: Final = {
    "heart-rate": ((211, 220045), 20.0, 300.0),
    "respiratory-rate": ((618, 220210), 1.0, 80.0),
    "oxygen-saturation": ((646, 220277), 30.0, 100.0),
    "systolic-blood-pressure": ((455, 220179, 51, 220050), 30.0, 300.0),
    "body-temperature": ((676, 223762), 25.0, 45.0),
    "fahrenheit": ((678, 223761), 77.0, 113.0),
    "oxygen": ((190, 223835), 0.0, 100.0),
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
ALERT, NOT_ALERT, LACTATE = 2_000_400_011, 2_000_400_012, 50_813
AIR = 0.21


@dataclass(frozen=True, slots=True, kw_only=True)
class Sets:
    """Complete sets of observations. Arrays have shape (sets,)."""

    stays: np.ndarray[Any, np.dtype[np.int64]]
    minutes: np.ndarray[Any, np.dtype[np.int64]]
    ends: np.ndarray[Any, np.dtype[np.int64]]
    units: np.ndarray[Any, np.dtype[np.object_]]
    died: np.ndarray[Any, np.dtype[np.bool_]]
    scored: ScoredSets
    partial: int
    """sets without a total"""
    complete_as_charted: int
    """sets that would be complete without carrying anything forward"""


def read_sets(folder: Path, score: Score) -> Sets:
    """Return the demo's sets of observations, one for each charted heart rate of a stay in intensive care."""
    charted = _charted(folder)
    stays = _stays(folder)
    grid = charted.filter(pl.col("sign") == "heart-rate").select("stay", "minute").unique().sort("minute")
    as_charted = grid
    for sign, hours in CARRIED_HOURS.items():
        its = (
            charted.filter(pl.col("sign") == sign).select("stay", "minute", pl.col("value").alias(sign)).sort("minute")
        )
        grid = grid.join_asof(its, on="minute", by="stay", tolerance=60 * hours, check_sortedness=False)
        as_charted = as_charted.join(its, on=["stay", "minute"], how="left")
    grid = grid.join(stays, on="stay").filter(pl.col("minute").is_between("begin", "end")).sort("stay", "minute")
    found = score_sets(score, _columns(grid.with_columns(pl.col("oxygen").fill_null(AIR))))
    kept = np.flatnonzero(found.complete)
    died = grid.select("stay", "died").unique().drop_nulls()
    outcome = outcome_within(
        24,
        stays=grid["stay"].to_numpy(),
        minutes=grid["minute"].to_numpy(),
        event_stays=died["stay"].to_numpy(),
        event_minutes=died["died"].to_numpy(),
    )
    return Sets(
        stays=grid["stay"].to_numpy()[kept],
        minutes=grid["minute"].to_numpy()[kept],
        ends=grid["end"].to_numpy()[kept],
        units=grid["unit"].to_numpy()[kept],
        died=outcome[kept],
        scored=ScoredSets(totals=found.totals[kept], highest=found.highest[kept], parts={}, lacking=found.lacking),
        partial=int((~found.complete).sum()),
        complete_as_charted=int(score_sets(score, _columns(as_charted)).complete.sum()),
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
        pl.when(awake).then(ALERT).otherwise(NOT_ALERT).cast(pl.Float64).alias("value"),
    )


def _stays(folder: Path) -> pl.DataFrame:
    """Return when each stay in intensive care began and ended, in which unit, and when its patient died in hospital."""
    deaths = pl.read_parquet(folder / "admissions.parquet").select("hadm_id", _minute("deathtime").alias("died"))
    return (
        pl.read_parquet(folder / "icustays.parquet")
        .join(deaths, on="hadm_id", how="left")
        .select(
            pl.col("icustay_id").alias("stay"),
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


def _columns(grid: pl.DataFrame) -> dict[str, np.ndarray[Any, Any]]:
    columns = {
        sign: grid[sign].fill_null(float("nan")).to_numpy()
        for sign in CARRIED_HOURS
        if sign not in ("consciousness", "oxygen")
    }
    # The table asks for litres a minute, of which it only wants to know whether there are any.
    flow = pl.when(pl.col("oxygen") > AIR + 0.005).then(1.0).when(pl.col("oxygen").is_not_null()).then(0.0)
    columns["oxygen-flow"] = grid.select(flow.otherwise(None)).to_series().fill_null(float("nan")).to_numpy()
    columns["consciousness"] = grid["consciousness"].fill_null(0).cast(pl.Int64).to_numpy()
    return columns


def tables_by_unit(sets: Sets, rows: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, ScoreTable]:
    """Return the score table of each unit, as if it were a site of its own."""
    units = sets.units[rows]
    return {
        str(unit): count_scores(sets.scored.totals[rows][units == unit], sets.died[rows][units == unit])
        for unit in np.unique(units)
    }


def describe(sets: Sets, lactates: pl.DataFrame, schedule: Schedule) -> list[str]:
    """Return what is to be said of the demo, line by line."""
    every = np.arange(len(sets.stays))
    lines = [
        f"{len(every):,} complete sets of observations in {len(np.unique(sets.stays))} stays; "
        f"{sets.partial:,} more are partial and have no score.",
        "Not recorded in them: "
        + ", ".join(f"{name} {number:,}" for name, number in sets.scored.lacking.items() if number)
        + ".",
        f"Complete at the very minute, with nothing carried forward and no air assumed: {sets.complete_as_charted:,}.",
        f"NEWS2 of 7 or more: {_percent(float((sets.scored.totals >= 7).mean()))} of sets; one parameter at 3: "
        f"{_percent(float((sets.scored.highest >= 3).mean()))}.",
        "",
        "HOW WELL IT WARNS of death within 24 hours, units added up as if they were sites",
    ]
    for take in Take:
        rows = chosen(take, stays=sets.stays, minutes=sets.minutes, totals=sets.scored.totals)
        lines.append(f"  {take}: {_told(auroc(add_tables(list(tables_by_unit(sets, rows).values()))))}")
    pooled = add_tables(list(tables_by_unit(sets, every).values()))
    sums = cluster_sums(pooled, scores=sets.scored.totals, outcomes=sets.died, patients=sets.stays)
    lines.append(f"  every set, allowing for several of one stay: {_between(clustered(pooled, sums))}")
    lines += ["", "WHAT A THRESHOLD FINDS", "  at least  sensitivity  specificity  PPV     alerts per event  of sets"]
    for found in thresholds(pooled)[1:13:2]:
        alerts = found.alerts_per_event
        lines.append(
            f"  {found.at_least:8.0f}  {_share(found.sensitivity):11}  {_share(found.specificity):11}  "
            f"{_share(found.ppv):6}  {alerts.value if alerts else float('nan'):16.1f}  {_share(found.triggering)}"
        )
    return [*lines, *_risks(sets, pooled), *_on_time(sets, schedule), *_responses(sets, lactates)]


def _risks(sets: Sets, pooled: ScoreTable) -> list[str]:
    """Return how risks fitted in all other units fit the largest one, and what acting on them is worth."""
    tables = tables_by_unit(sets, np.arange(len(sets.stays)))
    largest = max(tables, key=lambda unit: float(tables[unit].events.value.sum()))
    line = fit_risk(add_tables([table for unit, table in tables.items() if unit != largest]))
    lines = ["", f"CALIBRATION in {largest}, of risks fitted to all other units"]
    if not isinstance(line, Line):
        return [*lines, f"  {line.reason}"]
    fitted = recalibrate(tables[largest], line.risks(pooled.scores))
    if isinstance(fitted, NoAnswer):
        return [*lines, f"  {fitted.reason}"]
    curve = decision_curve(pooled, foretold=line.risks(pooled.scores), thresholds=np.array([0.01, 0.02, 0.05, 0.1]))
    lines.append(
        f"  {fitted.observed:,.0f} sets before a death, {fitted.expected:,.0f} foretold; slope {fitted.line.slope:.2f} "
        f"({fitted.line.slope_interval.lower:.2f} to {fitted.line.slope_interval.upper:.2f})"
    )
    lines += ["", "NET BENEFIT for 1,000 sets, at a risk worth acting on"]
    if isinstance(curve, DecisionCurve):
        lines += [
            f"  {_percent(threshold):>4}: by NEWS2 {1000 * net:6.1f}, for all {1000 * treated:7.1f}"
            for threshold, net, treated in zip(curve.thresholds, curve.by_score.value, curve.for_all.value, strict=True)
        ]
    return lines


def _on_time(sets: Sets, schedule: Schedule) -> list[str]:
    due = schedule.due_minutes(totals=sets.scored.totals, highest=sets.scored.highest)
    lines = ["", f"OBSERVATIONS ON TIME ({schedule.title}); continuous monitoring is not charted"]
    bands = np.array([f"due in {minutes / 60:g} h" for minutes in due])
    for groups in (bands, sets.units):
        lines += [
            f"  {found.group:12} {found.on_time:6,} of {found.due:6,} = {_share(found.share)}"
            for found in observations_on_time(
                stays=sets.stays, minutes=sets.minutes, due_within=due, stay_ends=sets.ends, groups=groups
            )
        ]
    return lines


def _responses(sets: Sets, lactates: pl.DataFrame) -> list[str]:
    at = triggers(stays=sets.stays, minutes=sets.minutes, warns=sets.scored.totals >= 7)
    found = waits(
        stays=sets.stays[at],
        minutes=sets.minutes[at],
        stay_ends=sets.ends[at],
        response_stays=lactates["stay"].to_numpy(),
        response_minutes=lactates["minute"].to_numpy(),
    )
    lines = ["", "FROM REACHING NEWS2 7 TO THE NEXT LACTATE (what stands here for a review), by unit"]
    for one in responses(found, groups=sets.units[at], within_minutes=60):
        low, high = (f"{end:,.0f}" if end is not None else "?" for end in one.median_interval)
        middle = f"{one.median_minutes:,.0f} min ({low} to {high})" if one.median_minutes is not None else "not reached"
        lines.append(
            f"  {one.group:6} {one.triggers:4} triggers, {one.never:4} never; median {middle}; within the hour "
            f"{_percent(one.within)} ({_percent(one.within_interval.lower)} to {_percent(one.within_interval.upper)})"
        )
    return lines


def _told(found: Auroc | NoAnswer) -> str:
    if isinstance(found, NoAnswer):
        return found.reason
    whole = found.events.value + found.others.value
    return f"AUROC {found.value:.3f} {_between(found.interval)}; {found.events.value:,.0f} of {whole:,.0f}"


def _between(interval: Interval | NoAnswer | None) -> str:
    match interval:
        case Interval(lower=lower, upper=upper):
            return f"(95% CI {lower:.3f} to {upper:.3f})"
        case NoAnswer(reason=reason):
            return reason
        case None:
            return "(interval not told: the score separates perfectly)"


def _share(share: Share | None) -> str:
    return "-" if share is None or share.value is None else _percent(share.value)


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share >= 0.1 or share == 0 else f"{100 * share:.1f}%"


def main() -> int:
    """Print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the folder of the MIMIC-III demo's Parquet files")
    given = parser.parse_args()
    library = read_library(shipped_library_folder())
    score = next(one for one in library.scores if one.id == "news2")
    (schedule,) = library.schedules
    sys.stdout.write("\n".join(describe(read_sets(given.folder, score), read_lactates(given.folder), schedule)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
