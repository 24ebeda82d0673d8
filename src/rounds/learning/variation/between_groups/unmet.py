"""Where most people with unmet need may be, and how sure that is."""

import numpy as np

from rounds.learning.intervals import Vector, normal_quantile
from rounds.learning.variation.between_groups.gaps import GroupBounds
from rounds.learning.variation.between_groups.priority import Priority, priority
from rounds.learning.variation.between_sites.shrunken import Shrunken, comparable, shrunken
from rounds.learning.variation.case_mix.families import Family


def unmet_priority(need: GroupBounds, use: GroupBounds, *, top: int, generator: np.random.Generator) -> Priority | None:
    """Return groups in order of people with unmet need, or None where there is nothing to compare.

    Need and use are each drawn towards the mean of all groups first, by the likelihood of their bounds: the first of
    many by chance are those that chance favours.

    Args:
        need: people with the need, of all people of each group.
        use: people who use what meets it, of the same people.
        top: how many groups can be looked at.
        generator: of randomness.

    Source: as `priority` and `shrunken`; need and use are taken as independent, which makes the order less sure than
        it is where they go together.
    """
    found = [_believed(one) for one in (need, use)]
    if found[0] is None or found[1] is None:
        return None
    sizes = (need.size_lower + need.size_upper) / 2
    half = normal_quantile(0.95)
    errors = [sizes * (one.upper - one.lower) / 2 / half for one in found if one is not None]
    gains = sizes * (found[0].values - found[1].values)
    return priority(gains=gains, standard_errors=np.hypot(*errors), top=top, generator=generator)


def _believed(bounds: GroupBounds) -> Shrunken | None:
    sizes: Vector = (bounds.size_lower + bounds.size_upper) / 2
    if not (sizes > 0).all():
        return None
    lower, upper = np.minimum(bounds.events_lower, sizes), np.minimum(bounds.events_upper, sizes)
    if not comparable(events_lower=lower, events_upper=upper, sizes=sizes, family=Family.BINOMIAL):
        return None
    return shrunken(events_lower=lower, events_upper=upper, sizes=sizes, family=Family.BINOMIAL)
