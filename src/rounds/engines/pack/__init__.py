"""The pack engine: counts from an index of a site's records, sorted once, with all periods of a person in one mask.

`served_pack` opens the index beside the tables, or makes it; `count_saying_how` counts a batch of measures from it, and
leaves to SQL what the index cannot tell exactly. `build.build_pack` makes one anywhere.
"""

from rounds.engines.pack.batch import Counted, FellBack, count, count_all, count_saying_how
from rounds.engines.pack.layout import NotCovered, Pack, open_pack
from rounds.engines.pack.serving import served_pack

__all__ = [
    "Counted",
    "FellBack",
    "NotCovered",
    "Pack",
    "count",
    "count_all",
    "count_saying_how",
    "open_pack",
    "served_pack",
]
