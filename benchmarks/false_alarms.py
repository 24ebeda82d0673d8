"""How often each chart flags a process in which nothing changes: simulates `FALSE_ALARM_TABLE` anew and prints it.

    .venv/bin/python benchmarks/false_alarms.py 100000 2000

The first number is of series for charts that are worked out together, the second for those drawn one by one; 0 leaves
these out.
"""

import sys

import numpy as np

from rounds.learning.variation.over_time.steady import STEADY

POINTS = (12, 24, 36, 48, 60)
FEWEST = {"levels": 24, "surprises": 24, "deseasoned": 36}


def main() -> None:
    """Simulate and print, as Python."""
    together, one_by_one = (int(number) for number in [*sys.argv[1:], "100000", "2000"][:2])
    for case in STEADY:
        if case.slow and not one_by_one:
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


if __name__ == "__main__":
    main()
