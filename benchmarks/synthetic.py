"""How long a synthetic population takes to write, how many rows and bytes it has, and how much memory a worker needs.

.venv/bin/python benchmarks/synthetic.py                       # small and region, three times each
.venv/bin/python benchmarks/synthetic.py --nation --repeats 1  # 6 million people too, about 2.1 GB on disk
.venv/bin/python benchmarks/synthetic.py --keep /tmp/synthetic # leaves what it wrote, for the engines' benchmarks
"""

import argparse
import resource
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rounds.records.synthetic.population import PRESETS, Population, write_population

SEED = 7


@dataclass
class Silent:
    """Does not watch."""

    blocks: int = 0

    def step(self, title: str, total: int) -> None:  # noqa: ARG002 - as Progress has it
        self.blocks = total

    def advance(self) -> None: ...


def measure(folder: Path, *, preset: str, workers: int, repeats: int) -> str:
    """Write a preset some times over and return one line about it."""
    seconds = []
    rows = 0
    for _ in range(repeats):
        shutil.rmtree(folder, ignore_errors=True)
        began = time.perf_counter()
        plan = Population(seed=SEED, people=PRESETS[preset].people)
        rows = sum(write_population(folder, plan=plan, progress=Silent(), workers=workers).rows.values())
        seconds.append(time.perf_counter() - began)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    # Linux counts in KiB. With one block this process works alone.
    workers_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    here_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    people = PRESETS[preset].people
    return (
        f"{preset:<8} {people:>10,} {rows:>13,} {rows / people:>6.1f} {size / 1e6:>8,.0f} {size / people:>6.0f} "
        f"{statistics.median(seconds):>7.1f} {min(seconds):>7.1f} {max(workers_kib, here_kib) / 1024:>7.0f}"
    )


def main() -> None:
    """Print a table of the presets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--nation", action="store_true", help="6 million people too")
    parser.add_argument("--keep", type=Path, help="write into this folder, replace a population there, and leave it")
    chosen = parser.parse_args()
    presets = ["small", "region", *(["nation"] if chosen.nation else [])]
    print(f"{chosen.workers} workers, median and best of {chosen.repeats}")
    print("preset       people          rows  /pers.     MB B/pers.  median    best MiB/worker")
    with tempfile.TemporaryDirectory() as scratch:
        for preset in presets:
            folder = (chosen.keep or Path(scratch)) / preset
            if folder.exists() and not (folder / "truth.json").exists():
                parser.error(f"{folder} is no synthetic population, and is left alone")
            print(measure(folder, preset=preset, workers=chosen.workers, repeats=chosen.repeats), flush=True)
            if not chosen.keep:
                shutil.rmtree(folder)


if __name__ == "__main__":
    main()
