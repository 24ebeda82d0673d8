"""For an analyst without a network: from any table to control charts and funnels, in one call.

    from rounds.analyst import funnel, spc

    spc("attendances.csv")                                  # guesses the columns and says what it guessed
    spc(frame, numerator="breaches", denominator="attendances", better="lower").write("charts")

A table is a CSV file, or a frame of pandas, polars or Arrow. A result shows itself in a notebook.
"""

from rounds.analyst.funnels import FunnelResult, funnel
from rounds.analyst.maps import MapResult, place_map
from rounds.analyst.over_time import SpcResult, spc

__all__ = ["FunnelResult", "MapResult", "SpcResult", "funnel", "place_map", "spc"]
