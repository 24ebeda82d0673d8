"""Do forecasts of adoption hold what they say? Real series cut at two thirds, and simulated ones where truth is known.

    python benchmarks/adoption_backtest.py                     # real series, of which the data folder is beside us
    python benchmarks/adoption_backtest.py --data FOLDER       # or elsewhere
    python benchmarks/adoption_backtest.py --simulated 15      # known truth, 15 seeds a row; some three minutes
    python benchmarks/adoption_backtest.py --least-squares 100 # how far errors of least squares are too small

Real: doctors and tetracycline, Brazilian farmers and hybrid corn, their twelve other practices (dates as remembered,
so heaped on round years), commissioners whose opioid prescribing turned. Whole series and their villages, cities and
regions; each where 5 or more had adopted by the cut and some had not.
"""

import argparse
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rounds.learning.spread.diffusion.curves import Curve, share
from rounds.learning.spread.diffusion.forecast import Forecast, forecast
from rounds.learning.spread.diffusion.least_squares import fit_least_squares
from rounds.learning.spread.diffusion.likelihood import fit_curve
from rounds.learning.spread.diffusion.times import AdoptionTimes

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FROM_YEAR = 46
"""Of farmers' practices: before, single years are remembered."""
Times = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Members' periods of adoption, from 1 on; infinite for who had not by `last`."""

    source: str
    name: str
    periods: Times
    last: int

    def known_at(self, cut: int) -> AdoptionTimes:
        """Return what was known at the end of a period."""
        has = self.periods <= cut
        return AdoptionTimes(
            entry=np.zeros(len(self.periods)),
            lower=np.where(has, self.periods - 1, cut).astype(float),
            upper=np.where(has, self.periods, np.inf),
            now=float(cut),
        )


def real_series(data: Path) -> Iterator[Series]:
    """Return every series, whole and by group."""
    doctors = _rows(data / "adoption_netdiffuser" / "medInnovations.csv")
    toa = [_or_never(int(row["toa"]), 18) for row in doctors]
    yield from _with_groups("doctors, tetracycline", toa, [row["city"] for row in doctors], 17)
    farmers = _rows(data / "adoption_netdiffuser" / "brfarmers.csv")
    toa = [_or_never(int(row["toa"]), 20) for row in farmers]
    yield from _with_groups("farmers, hybrid corn", toa, [row["village"] for row in farmers], 19)
    for practice in "ABCDEFGHIJKL":
        there = [row for row in farmers if row[f"yr{practice}"] not in ("", "NA")]
        years = [int(float(row[f"yr{practice}"])) for row in there]
        toa = [np.inf if year >= 66 else float(max(year - FROM_YEAR + 1, 1)) for year in years]
        villages = [row["village"] for row in there]
        yield from _with_groups(f"farmers, practice {practice}", toa, villages, 66 - FROM_YEAR)
    turned = _rows(
        data / "openprescribing_opioid_change" / "ccg_data_opioid" / "ccg_data_opioidspercent" / "r_output.csv"
    )
    toa = [np.inf if row["is.tfirst"] in ("", "NA") else float(row["is.tfirst"]) for row in turned]
    yield from _with_groups("commissioners, opioids", toa, [_part(row["name"]) for row in turned], 61)


def _part(code: str) -> str:
    """Return a part of England by the code of a commissioner, which were given out from north to south."""
    number = int(code[:2])
    return "north" if number < 4 else "midlands" if number < 7 else "london" if number < 9 else "south"


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def _or_never(period: int, never: int) -> float:
    return np.inf if period >= never else float(period)


def _with_groups(source: str, periods: Sequence[float], groups: Sequence[str], last: int) -> Iterator[Series]:
    every = np.array(periods)
    yield Series(source=source, name="all", periods=every, last=last)
    for group in sorted(set(groups)):
        mine = np.array([one == group for one in groups])
        yield Series(source=source, name=group, periods=every[mine], last=last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Whether a forecast held, for each period after the cut, and how wide it was (as a share of the members)."""

    inside80: list[bool]
    inside95: list[bool]
    width95: float
    above: bool
    below: bool


def scored(series: Series) -> Scored | None:
    """Return how a forecast of the last third from the first two did; None where none is made."""
    cut = round(series.last * 2 / 3)
    truth = np.array([(series.periods <= at).sum() for at in range(cut + 1, series.last + 1)])
    known = series.known_at(cut)
    found = forecast(known, until=float(series.last), generator=np.random.default_rng(1)) if known.adopted else None
    if not isinstance(found, Forecast):
        return None
    band = found.band
    return Scored(
        inside80=((band.lower80 <= truth) & (truth <= band.upper80)).tolist(),
        inside95=((band.lower95 <= truth) & (truth <= band.upper95)).tolist(),
        width95=float(band.upper95[-1] - band.lower95[-1]) / found.members,
        above=bool(truth[-1] > band.upper95[-1]),
        below=bool(truth[-1] < band.lower95[-1]),
    )


def report_real(data: Path) -> None:
    sources: dict[str, list[Scored]] = {}
    refused: dict[str, int] = {}
    for series in real_series(data):
        key = "farmers, 12 practices" if "practice" in series.source else series.source
        level = f"{key} | {'whole' if series.name == 'all' else 'groups'}"
        one = scored(series)
        if one is None:
            refused[level] = refused.get(level, 0) + 1
        else:
            sources.setdefault(level, []).append(one)
    print(
        "| series | level | forecast (refused) | last period: 80 % | 95 % | all periods: 80 % | 95 % | width of 95 % |"
    )
    print("|---|---|---|---|---|---|---|---|")
    every: list[Scored] = []
    for level in sorted({*sources, *refused}):
        mine = sources.get(level, [])
        every += mine
        print(_line(level, mine, refused.get(level, 0)))
    print(_line("all | ", every, sum(refused.values())))
    print(f"truth above the 95 % interval {sum(one.above for one in every)}, below {sum(one.below for one in every)}")


def _line(level: str, mine: list[Scored], refused: int) -> str:
    if not mine:
        return f"| {level} | 0 ({refused}) | | | | | |"
    last80, last95 = (100 * np.mean([one[-1] for one in part]) for part in _parts(mine))
    all80, all95 = (100 * np.mean([inside for one in part for inside in one]) for part in _parts(mine))
    width = np.median([one.width95 for one in mine])
    return (
        f"| {level} | {len(mine)} ({refused}) | {last80:.0f} % | {last95:.0f} % | {all80:.0f} % | {all95:.0f} % "
        f"| {100 * width:.0f} % of members |"
    )


def _parts(mine: list[Scored]) -> tuple[list[list[bool]], list[list[bool]]]:
    return [one.inside80 for one in mine], [one.inside95 for one in mine]


CURVES = {
    "logistic": (Curve.LOGISTIC, (15.0, 3.6)),
    "bass": (Curve.BASS, (0.01, 0.25)),
    "weibull (no curve of ours)": (Curve.WEIBULL, (18.0, 1.6)),
}


def drawn(seed: int, *, curve: Curve, parameters: tuple[float, ...], members: int, ever: float, stray: float) -> Series:
    """Return simulated adoption over 36 periods, with hazards that stray from the curve by an autoregression of 0.7."""
    rng = np.random.default_rng(seed)
    left = 1 - ever * share(curve, np.arange(37.0), parameters)
    left[0] = 1.0
    hazards = -np.diff(np.log(left))
    strayed, waiting = 0.0, np.ones(members, dtype=bool)
    periods = np.full(members, np.inf)
    for at, hazard in enumerate(hazards):
        strayed = 0.7 * strayed + stray * np.sqrt(1 - 0.7**2) * rng.standard_normal()
        new = waiting & (rng.random(members) < -np.expm1(-hazard * np.exp(strayed)))
        periods[new] = at + 1
        waiting &= ~new
    return Series(source="simulated", name="", periods=periods, last=36)


def report_simulated(seeds: int) -> None:
    print("| curve | members | never | strays by | cut | 80 % | 95 % | width of 95 % | no forecast |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, (curve, parameters) in CURVES.items():
        for members, ever, stray in ((54, 0.9, 0.0), (54, 0.9, 0.5), (54, 1.0, 0.3)):
            for cut in (12, 24):
                inside80, inside95, width, none = [], [], [], 0
                for seed in range(seeds):
                    series = drawn(seed, curve=curve, parameters=parameters, members=members, ever=ever, stray=stray)
                    truth = (series.periods <= 36).sum()
                    found = forecast(series.known_at(cut), until=36.0, generator=np.random.default_rng(seed))
                    if not isinstance(found, Forecast):
                        none += 1
                        continue
                    band = found.band
                    inside80.append(band.lower80[-1] <= truth <= band.upper80[-1])
                    inside95.append(band.lower95[-1] <= truth <= band.upper95[-1])
                    width.append((band.upper95[-1] - band.lower95[-1]) / members)
                print(
                    f"| {name} | {members} | {100 * (1 - ever):.0f} % | {stray} | {cut} of 36 "
                    f"| {100 * np.mean(inside80):.0f} % | {100 * np.mean(inside95):.0f} % "
                    f"| {100 * np.mean(width):.0f} % of members | {none} |",
                    flush=True,
                )


def report_least_squares(seeds: int) -> None:
    """How often 95 % intervals of the ceiling hold it: least squares on cumulative numbers, and maximum likelihood."""
    squares, profile, ratio = [], [], []
    for seed in range(seeds):
        series = drawn(seed, curve=Curve.LOGISTIC, parameters=(15.0, 3.6), members=217, ever=0.9, stray=0.0)
        by_time = np.array([(series.periods <= at).sum() for at in range(1, 37)], dtype=float)
        one = fit_least_squares(Curve.LOGISTIC, np.arange(1.0, 37.0), by_time)
        squares.append(one.wald_lower[0] <= 0.9 * 217 <= one.wald_upper[0])
        two = fit_curve(Curve.LOGISTIC, series.known_at(36))
        profile.append(two.ever.lower <= 0.9 <= two.ever.upper)
        ratio.append(217 * (two.ever.upper - two.ever.lower) / (one.wald_upper[0] - one.wald_lower[0]))
    print(
        f"ceiling of a logistic curve, 217 members: least squares holds it in {100 * np.mean(squares):.1f} %, profile "
        f"likelihood in {100 * np.mean(profile):.1f} % of {seeds} seeds; its interval is {np.median(ratio):.1f} times "
        "as wide"
    )


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--data", type=Path, default=DATA)
    asked.add_argument("--simulated", type=int, default=0)
    asked.add_argument("--least-squares", type=int, default=0)
    chosen = asked.parse_args()
    if chosen.simulated:
        report_simulated(chosen.simulated)
    if chosen.least_squares:
        report_least_squares(chosen.least_squares)
    if not (chosen.simulated or chosen.least_squares):
        if chosen.data.is_dir():
            report_real(chosen.data)
        else:
            print(f"no real series: {chosen.data} is not here; say --data FOLDER")
