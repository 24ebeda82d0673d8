"""For an analyst without a network: from any table to control charts, funnels and maps, in one call.

Also from counts: what one organisation's change did (`its`), what a planned rollout could find (`power`) and, with
adoption dates, whether it worked (`impact`).

From a table of observations: how well NEWS2 warns.

    from rounds.analyst import funnel, place_map, spc

    spc("attendances.csv")                                  # guesses the columns and says what it guessed
    spc(frame, numerator="breaches", denominator="attendances", better="lower").write("charts")

A table is a CSV file, or a frame of pandas, polars or Arrow. A result shows itself in a notebook.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rounds.analyst.before_after import ItsResult, its
    from rounds.analyst.did_it_work import impact
    from rounds.analyst.early_warning import DeteriorationResult, deterioration
    from rounds.analyst.funnels import FunnelResult, funnel
    from rounds.analyst.impact_result import ImpactResult
    from rounds.analyst.maps import MapResult, place_map
    from rounds.analyst.needs import NeedResult, need_less_use
    from rounds.analyst.over_time import SpcResult, spc
    from rounds.analyst.rollouts import PowerResult, power
    from rounds.analyst.spreading import SpreadResult, spread
    from rounds.analyst.ward_arrests import ArrestsResult, arrests
    from rounds.analyst.worth import ValueResult, value

__all__ = [
    "ArrestsResult",
    "DeteriorationResult",
    "FunnelResult",
    "ImpactResult",
    "ItsResult",
    "MapResult",
    "NeedResult",
    "PowerResult",
    "SpcResult",
    "SpreadResult",
    "ValueResult",
    "arrests",
    "deterioration",
    "funnel",
    "impact",
    "its",
    "need_less_use",
    "place_map",
    "power",
    "spc",
    "spread",
    "value",
]

_HOMES = {
    "ArrestsResult": "ward_arrests",
    "DeteriorationResult": "early_warning",
    "FunnelResult": "funnels",
    "ItsResult": "before_after",
    "ImpactResult": "impact_result",
    "MapResult": "maps",
    "NeedResult": "needs",
    "PowerResult": "rollouts",
    "SpcResult": "over_time",
    "SpreadResult": "spreading",
    "ValueResult": "worth",
    "arrests": "ward_arrests",
    "deterioration": "early_warning",
    "funnel": "funnels",
    "need_less_use": "needs",
    "its": "before_after",
    "impact": "did_it_work",
    "place_map": "maps",
    "power": "rollouts",
    "spc": "over_time",
    "spread": "spreading",
    "value": "worth",
}


def __getattr__(name: str) -> Any:
    """Return what a name stands for, loaded when it is first asked for: each draws on other libraries."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
