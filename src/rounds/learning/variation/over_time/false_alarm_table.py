"""Shares of charts of steady processes that are flagged, as `benchmarks/false_alarms.py` simulates them.

Each row: chart, rules, process, then for each of `FALSE_ALARM_POINTS` the share of charts with any point flagged, and
that with the latest flagged. XmR charts, I charts by one rule set and CUSUM: 100,000 series each, standard error
0.2 points at most; the others 2,000 series, 1.1 points at most. nan where the chart needs more points.
"""

from math import nan

FALSE_ALARM_POINTS = (12, 24, 36, 48, 60)

Shares = tuple[float, float, float, float, float]

FALSE_ALARM_ROWS: tuple[tuple[str, tuple[str, ...], str, Shares, Shares], ...] = (
    ("xmr", ("nhs",), "independent, normal", (0.071, 0.186, 0.292, 0.384, 0.47), (0.014, 0.017, 0.018, 0.018, 0.018)),
    (
        "xmr",
        ("nhs",),
        "each month resembles the last (autocorrelation 0.4)",
        (0.226, 0.58, 0.781, 0.886, 0.943),
        (0.056, 0.084, 0.093, 0.097, 0.098),
    ),
    (
        "xmr",
        ("nhs",),
        "seasonal (a yearly wave as high as one standard deviation)",
        (0.238, 0.502, 0.677, 0.789, 0.865),
        (0.049, 0.051, 0.05, 0.052, 0.05),
    ),
    (
        "xmr",
        ("nhs",),
        "small counts (Poisson, mean 3)",
        (0.11, 0.278, 0.425, 0.546, 0.639),
        (0.023, 0.025, 0.029, 0.03, 0.03),
    ),
    (
        "xmr",
        ("nhs",),
        "counts rounded to the nearest 5 (Poisson, mean 20)",
        (0.173, 0.394, 0.576, 0.709, 0.805),
        (0.046, 0.055, 0.059, 0.063, 0.068),
    ),
    (
        "xmr",
        ("nhs",),
        "independent, normal; not screened",
        (0.046, 0.154, 0.26, 0.35, 0.438),
        (0.01, 0.014, 0.015, 0.016, 0.017),
    ),
    (
        "i",
        ("shewhart",),
        "independent, normal",
        (0.052, 0.096, 0.131, 0.163, 0.199),
        (0.009, 0.007, 0.005, 0.005, 0.005),
    ),
    (
        "i",
        ("western_electric",),
        "independent, normal",
        (0.078, 0.187, 0.287, 0.374, 0.455),
        (0.016, 0.017, 0.017, 0.017, 0.017),
    ),
    ("i", ("nelson",), "independent, normal", (0.089, 0.226, 0.346, 0.45, 0.538), (0.018, 0.024, 0.023, 0.023, 0.023)),
    (
        "run",
        ("anhoej",),
        "independent, normal",
        (0.013, 0.022, 0.045, 0.037, 0.046),
        (0.013, 0.021, 0.034, 0.025, 0.025),
    ),
    (
        "run",
        ("anhoej",),
        "each month resembles the last (autocorrelation 0.4)",
        (0.08, 0.25, 0.389, 0.445, 0.529),
        (0.08, 0.244, 0.359, 0.425, 0.491),
    ),
    (
        "mr",
        ("shewhart",),
        "independent, normal",
        (0.049, 0.141, 0.226, 0.315, 0.377),
        (0.006, 0.007, 0.01, 0.013, 0.008),
    ),
    (
        "i_prime",
        (
            "shewhart",
            "anhoej",
        ),
        "independent, normal",
        (0.062, 0.114, 0.177, 0.197, 0.22),
        (0.024, 0.04, 0.049, 0.035, 0.033),
    ),
    (
        "p",
        (
            "shewhart",
            "anhoej",
        ),
        "binomial, 10 % of 100",
        (0.046, 0.102, 0.149, 0.176, 0.216),
        (0.022, 0.035, 0.045, 0.035, 0.033),
    ),
    (
        "p_prime",
        (
            "shewhart",
            "anhoej",
        ),
        "binomial, 10 % of 10,000",
        (0.064, 0.134, 0.17, 0.201, 0.219),
        (0.024, 0.048, 0.037, 0.035, 0.029),
    ),
    (
        "u",
        (
            "shewhart",
            "anhoej",
        ),
        "Poisson, mean 10",
        (0.051, 0.104, 0.167, 0.19, 0.245),
        (0.028, 0.034, 0.045, 0.036, 0.038),
    ),
    (
        "u",
        (
            "shewhart",
            "anhoej",
        ),
        "Poisson, mean 3",
        (0.06, 0.171, 0.272, 0.296, 0.331),
        (0.02, 0.053, 0.056, 0.057, 0.053),
    ),
    (
        "g",
        (
            "shewhart",
            "anhoej",
        ),
        "geometric, mean 49",
        (0.143, 0.348, 0.504, 0.615, 0.698),
        (0.024, 0.04, 0.037, 0.049, 0.044),
    ),
    (
        "t",
        (
            "shewhart",
            "anhoej",
        ),
        "exponential, mean 30 days",
        (0.062, 0.101, 0.113, 0.126, 0.134),
        (0.027, 0.039, 0.033, 0.038, 0.029),
    ),
    (
        "xbar",
        (
            "shewhart",
            "anhoej",
        ),
        "normal, five a point",
        (0.035, 0.078, 0.113, 0.106, 0.14),
        (0.017, 0.033, 0.035, 0.032, 0.028),
    ),
    (
        "s",
        (
            "shewhart",
            "anhoej",
        ),
        "normal, five a point",
        (0.028, 0.079, 0.137, 0.143, 0.175),
        (0.021, 0.045, 0.058, 0.05, 0.048),
    ),
    (
        "ewma",
        ("shewhart",),
        "independent, normal",
        (0.018, 0.029, 0.042, 0.058, 0.075),
        (0.001, 0.001, 0.002, 0.003, 0.003),
    ),
    ("cusum", (), "independent, normal", (0.008, 0.027, 0.048, 0.069, 0.091), (0.003, 0.004, 0.005, 0.005, 0.005)),
    (
        "levels",
        ("shewhart",),
        "each month resembles the last (autocorrelation 0.4)",
        (nan, 0.014, 0.033, 0.049, 0.079),
        (nan, 0.002, 0.003, 0.001, 0.003),
    ),
    (
        "surprises",
        (
            "shewhart",
            "anhoej",
        ),
        "each month resembles the last (autocorrelation 0.4)",
        (nan, 0.042, 0.084, 0.107, 0.139),
        (nan, 0.006, 0.009, 0.009, 0.009),
    ),
    (
        "deseasoned",
        (
            "shewhart",
            "anhoej",
        ),
        "seasonal (a yearly wave as high as one standard deviation)",
        (nan, nan, 0.182, 0.213, 0.24),
        (nan, nan, 0.064, 0.044, 0.043),
    ),
)
