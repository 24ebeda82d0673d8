"""Funnels: how many people each inclusion rule of a cohort leaves, from the index pack.

`open_funnels` opens a site's records for them; what a rule found is kept, so that a changed rule costs that rule alone.
"""

from rounds.engines.funnels.funnel import Funnel, Funnels, open_funnels

__all__ = ["Funnel", "Funnels", "open_funnels"]
