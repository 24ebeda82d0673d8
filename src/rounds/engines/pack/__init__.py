"""The pack engine: counts from an index of a site's records, sorted once, with all periods of a person in one mask.

`served_pack` opens the index beside the tables, or makes it with `build_pack`; `count_saying_how` counts a batch of
measures from it, and leaves to SQL what the index cannot tell exactly.
"""

from rounds.engines.pack.batch import Counted, FellBack, count, count_all, count_saying_how
from rounds.engines.pack.build import build_pack
from rounds.engines.pack.layout import NotCovered, Pack, open_pack
from rounds.engines.pack.serving import served_pack

__all__ = [
    "Counted",
    "FellBack",
    "NotCovered",
    "Pack",
    "build_pack",
    "count",
    "count_all",
    "count_saying_how",
    "open_pack",
    "served_pack",
]
