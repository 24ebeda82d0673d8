"""What the demonstration's programme is said to cost: invented, and it says so."""

COSTS_FILE = "library/values/deterioration-programme.yaml"


def costs_yaml(*, innovation: str, outcome: str, by_group: str, using: int, hospitals: int, day: str) -> str:
    """Return a file of costs.

    Args:
        innovation: what is valued.
        outcome: the measure of the events avoided.
        by_group: the measure that tells who had them.
        using: how many hospitals use it.
        hospitals: how many there are.
        day: of the next review.
    """
    step = [min(hospitals, using + 2 * year) for year in range(5)]
    invented = "invented for the demonstration"
    return f"""\
# Every sum here is {invented}. Replace it by your own, with its source, before anybody decides on it.
id: deterioration-programme
version: 1
title: Should every hospital recognise and respond to deterioration?
problem: >-
  Patients whose condition gets worse are noticed late, and some of them have a cardiac arrest that a response in time
  would have prevented. Hospitals differ in how they observe, score and respond.
innovation: {innovation}
measure: {outcome}
groups_measure: {by_group}
perspective: the hospitals of the network ({invented})
currency: GBP
price_year: "2024/25"
inflation: {{index: {{"2021/22": 100.0, "2024/25": 112.0}}, source: "an index {invented}"}}
discount: {{costs_percent: 3.5, health_percent: 1.5}}
sites_now: {using}
plans:
  - {{id: keep, title: Keep it where it is, sites: [{", ".join([str(using)] * 5)}]}}
  - {{id: spread, title: Spread it to all hospitals, sites: [{", ".join(map(str, step))}]}}
costs:
  - {{id: start, title: Starting at a hospital, kind: cost, per: "site, once", amount: 90000, low: 60000, high: 130000,
     price_year: "2024/25", source: "{invented}"}}
  - {{id: team, title: Outreach team, kind: cost, per: site and year, amount: 210000, low: 170000, high: 260000,
     price_year: "2021/22", source: "{invented}"}}
  - {{id: hub, title: Coordination and measurement, kind: cost, per: programme and year, amount: 120000,
     price_year: "2024/25", source: "{invented}"}}
  - {{id: stay, title: Care after an arrest, kind: saving, per: event avoided, amount: 2500, low: 1000, high: 5000,
     price_year: "2021/22", source: "{invented}"}}
kept: {{percent: 97, low: 90, high: 100, source: "{invented}"}}
health: {{unit: QALY, per_event: 0.15, low: 0.02, high: 0.4, source: "{invented}"}}
threshold: {{worth: [20000, 30000], source: "the usual range in the manual of NICE, PMG36 (2022)"}}
risks:
  - Outreach nurses may not be found.
  - Alerts may be ignored where there are many.
unknown:
  - What happens to patients after they leave hospital.
author: Demonstration finance team
reviewer: Demonstration board
next_review: {day}
"""
