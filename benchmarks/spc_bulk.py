"""How fast NHS-rule charts of a whole country are: limits, flags and icons of 7,000 organisations x 60 x 20 measures.

With `--abspc` the per-series package abspc, in a Python that has it, draws some of the same series in turn with ours;
no time is printed if the limits of the two differ. Read the ratio and the processor time: the clock is the machine's.

    .venv/bin/python benchmarks/spc_bulk.py --abspc peer/bin/python
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from rounds.learning.variation.over_time.bulk import NONE, NhsCharts, nhs_charts
from rounds.learning.variation.over_time.xmr import xmr_chart

ORGANISATIONS, PERIODS, MEASURES = 7_000, 60, 20
SOME = 300
"""Series that are drawn one by one, here and by the peer."""
TIMES = 5


def main() -> None:
    """Draw and print."""
    options = argparse.ArgumentParser(description="time NHS-rule charts in bulk")
    options.add_argument("--abspc", type=Path, help="a Python that has abspc")
    peer = options.parse_args().abspc
    values, better, targets = _series(np.random.default_rng(20_261))
    before = _peak()
    seconds, busy = [], []
    for _ in range(TIMES):
        start, own = time.perf_counter(), time.process_time()
        charts = nhs_charts(values=values, better=better, targets=targets)
        icons = charts.icons()
        seconds.append(time.perf_counter() - start)
        busy.append(time.process_time() - own)
    _hold_against_single(charts)
    count = len(values)
    print(f"series                 {count:>12,}")
    print(f"points                 {values.size:>12,}")
    print(f"charts with icons      {statistics.median(seconds):>12.2f} s by the clock")
    print(f"                       {statistics.median(busy):>12.2f} s of processor time")
    print(f"memory at most         {_peak() / 1e6:>12.0f} MB, {before / 1e6:.0f} MB before the charts")
    flagged = float(np.mean(icons["variation"].to_numpy() != "common_cause"))
    print(f"flagged latest points  {flagged:>12.1%}")
    ours, single, theirs = [], [], []
    few = np.ascontiguousarray(values[:SOME])
    for _ in range(TIMES if peer else 1):
        own = time.process_time()
        for _ in range(20):
            nhs_charts(values=few, better=better[:SOME], targets=targets[:SOME]).icons()
        ours.append((time.process_time() - own) / 20)
        own = time.process_time()
        for row, way, target in zip(few, better, targets.tolist(), strict=False):
            xmr_chart(values=row, better=way, target=target)
        single.append(time.process_time() - own)
        if peer:
            theirs.append(_in_abspc(peer, few))
    print(f"one chart by itself    {statistics.median(single) / SOME * 1e6:>12.0f} microseconds")
    print(f"in bulk                {statistics.median(busy) / count * 1e6:>12.1f} microseconds a chart")
    if peer:
        whole = statistics.median(each / SOME for each in theirs) / (statistics.median(busy) / count)
        ratio = statistics.median(them / us for them, us in zip(theirs, ours, strict=True))
        print(f"abspc, same {SOME}        {statistics.median(theirs) / SOME * 1e6:>12.0f} microseconds a chart")
        print(
            f"                       {ratio:>12,.0f} times ours over the same {SOME}, {whole:,.0f} times ours over all"
        )


def _series(rng: np.random.Generator) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Return steady rates, of which some shift, with a direction and a target each."""
    count = ORGANISATIONS * MEASURES
    level = rng.uniform(20, 80, size=(count, 1))
    values = rng.normal(level, 4, size=(count, PERIODS))
    values[::10, PERIODS // 2 :] += 6
    better = np.resize(["higher", "lower", "neither"], len(values)).tolist()
    return values, better, level[:, 0] + rng.normal(0, 10, size=len(values))


def _hold_against_single(charts: NhsCharts) -> None:
    """Refuse to print a time if a chart by itself says something else."""
    for series in range(0, len(charts), len(charts) // 50):
        target = float(charts.targets[series])
        alone = xmr_chart(values=charts.values[series], better=charts.chart(series).better, target=target)
        same = charts.chart(series)
        if charts.variation[series] == NONE or (alone.mean, alone.upper, alone.variation, alone.assurance) != (
            same.mean,
            same.upper,
            same.variation,
            same.assurance,
        ):
            sys.exit(f"series {series} by itself says something else")


def _in_abspc(python: Path, values: np.ndarray) -> float:
    """Return how many seconds of processor time abspc takes, after holding its limits against ours."""
    with tempfile.TemporaryDirectory() as scratch:
        given, found = Path(scratch) / "values.npy", Path(scratch) / "limits.npy"
        np.save(given, values)
        script = Path(__file__).with_name("abspc_charts.py")
        said = subprocess.run([python, script, given, found], check=True, capture_output=True, text=True).stdout
        limits = np.load(found)
    ours = nhs_charts(values=values, better="higher", screen=False)
    for line, mine in ((limits[:, 0], ours.mean), (limits[:, 1], ours.upper)):
        if not np.allclose(line, mine, rtol=1e-3):
            sys.exit("abspc draws other limits")
    return float(said)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
