"""Turning findings into insights. Pure: numbers and names in, statements out."""

from rounds.reports.content.between_sites import between_sites
from rounds.reports.content.equity import equity
from rounds.reports.content.impact import Evaluation, impact
from rounds.reports.content.not_compared import not_compared
from rounds.reports.content.observed import Known, Observed, observed_from_cells, total
from rounds.reports.content.over_time import over_time
from rounds.reports.content.peers import Peer, better_peer
from rounds.reports.content.pooled import pooled
from rounds.reports.content.spread import spread

__all__ = [
    "Evaluation",
    "Known",
    "Observed",
    "Peer",
    "better_peer",
    "between_sites",
    "equity",
    "impact",
    "not_compared",
    "observed_from_cells",
    "over_time",
    "pooled",
    "spread",
    "total",
]
