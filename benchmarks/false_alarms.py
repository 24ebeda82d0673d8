"""How often each chart flags a process in which nothing changes: simulates the tables anew and prints them.

    .venv/bin/python benchmarks/false_alarms.py 100000 2000 1500

The first number is of series for charts that are worked out together, the second for those drawn one by one, the third
for those read by rules that they are not usually read by; 0 leaves any of them out.
"""

import sys

import numpy as np

from rounds.learning.variation.over_time.steady import STEADY, STEADY_WAYS

POINTS = (12, 24, 36, 48, 60)
FEWEST = {"levels": 24, "surprises": 24, "deseasoned": 36}


def main() -> None:
    """Simulate and print, as Python."""
    numbers = [int(number) for number in sys.argv[1:]]
    together, one_by_one, in_ways = [*numbers, *(100_000, 2_000, 1_500)[len(numbers) :]]
    for case in STEADY:
        if not (one_by_one if case.slow else together):
            continue
        rates = []
        for points in POINTS:
            if points < FEWEST.get(str(case.chart), 0):
                rates.append((np.nan, np.nan))
                continue
            rng = np.random.default_rng([20_250, points])
            rates.append(case.rates(rng, one_by_one if case.slow else together, points))
        any_point, latest = (tuple(round(rate[column], 4) for rate in rates) for column in (0, 1))
        rules = tuple(str(rules) for rules in case.rules)
        print(f"    {(str(case.chart), rules, case.process, any_point, latest)},")
        sys.stdout.flush()
    for ways in STEADY_WAYS if in_ways else ():
        found = np.array([ways.rates(np.random.default_rng([20_251, points]), in_ways, points) for points in POINTS])
        for at, way in enumerate(ways.ways):
            shares = [tuple(round(float(share), 3) for share in found[:, at, column]) for column in (0, 1)]
            print(f"    {(str(ways.chart), tuple(str(rules) for rules in way), *shares)},")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
