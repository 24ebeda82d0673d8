"""A site's counts beside the mixture of others, on every completed set of them."""

from collections.abc import Mapping, Sequence

import numpy as np

from rounds.learning.impact.effect import Interval, Panel
from rounds.learning.impact.panel.outcome import Outcome
from rounds.learning.impact.single_site.importance import Importance, choose_importance, scaled
from rounds.learning.impact.single_site.reckoned import SYNTHETIC, Mixture, Reckoned, Untold, Used, avoided_of
from rounds.learning.impact.single_site.synthetic import (
    ASSUMES,
    METHOD,
    Likeness,
    Mixed,
    Rates,
    limits,
    mix,
    placebo,
)

MEAN_RATE = "mean rate before"
_SAME = 1e-9


def by_mixture(
    panel: Panel,
    outcome: Outcome,
    used: Used,
    alike_in: Mapping[str, Mapping[str, float]],
    generator: np.random.Generator,
) -> tuple[Reckoned | Untold, Mixture | None]:
    """Return what the synthetic control says and what it is made of, or why there is none.

    Args:
        panel: the site first, then those it is compared with.
        outcome: their counts, completed where they have bounds.
        used: who and when.
        alike_in: characteristics to match, by name and site; empty to match the rate in each period before.
        generator: where searches for their importance start.

    Raises:
        ValueError: if a site lacks a characteristic.
    """
    if len(used.donors) < 2:
        return Untold(name=SYNTHETIC, reason="a mixture needs two other sites or more"), None
    columns = list(used.periods)
    exposure = panel.exposure[:, columns]
    every = [
        Rates(
            own=counts[0, columns] / exposure[0],
            donors=(counts[np.ix_(used.donors, columns)] / exposure[list(used.donors)]).T,
            exposure=exposure[0],
            before=len(used.before),
        )
        for counts in outcome.completed
    ]
    if all(np.ptp(rates.own[: rates.before]) <= _SAME * rates.own[: rates.before].max() for rates in every):
        return Untold(
            name=SYNTHETIC, reason="its rate is the same in every period before, so chance cannot be told"
        ), None
    importance, likenesses = _likenesses(panel, every, used, alike_in, generator)
    mixed = [mix(rates, like) for rates, like in zip(every, likenesses, strict=True)]
    if far := _out_of_reach(mixed):
        return Untold(name=SYNTHETIC, reason=far), None
    ratio = float(np.exp(np.mean(np.log([one.ratio for one in mixed]))))
    found = [limits(rates, like) or (0.0, np.inf) for rates, like in zip(every, likenesses, strict=True)]
    whole = Interval(estimate=ratio, lower=min(low for low, _ in found), upper=max(high for _, high in found))
    tests = [placebo(rates, like) for rates, like in zip(every, likenesses, strict=True)]
    p_value = max(one.p_value for one in tests)
    seen = float(outcome.completed[:, 0, list(used.after)].sum(axis=1).mean())
    expected = np.full(panel.lower.shape[1], np.nan)
    rate = np.mean([one.expected for one in mixed], axis=0)
    expected[list(used.after)] = (rate * exposure[0])[len(used.before) :]
    reckoned = Reckoned(
        name=SYNTHETIC,
        method=METHOD,
        rate_ratio=whole,
        avoided=avoided_of(seen, whole),
        expected=expected,
        p_value=p_value,
        assumes=ASSUMES,
    )
    return reckoned, Mixture(
        donors=tuple(panel.sites[row] for row in used.donors),
        weights=np.mean([one.weights for one in mixed], axis=0),
        ratio_range=max((one.ratio_range for one in mixed), key=lambda ends: ends[1] / ends[0]),
        misses=float(np.mean([one.misses for one in mixed])),
        as_far=round(p_value * (1 + len(used.donors))) - 1,
        smallest_p=tests[0].smallest,
        importance=()
        if importance is None
        else tuple(zip((*alike_in, MEAN_RATE), importance.values.tolist(), strict=True)),
        best=importance is None or importance.best,
    )


def _likenesses(
    panel: Panel,
    every: Sequence[Rates],
    used: Used,
    alike_in: Mapping[str, Mapping[str, float]],
    generator: np.random.Generator,
) -> tuple[Importance | None, list[Likeness | None]]:
    """Return how much characteristics count, and them for each set of counts; the mean rate before is the last."""
    if not alike_in:
        return None, [None] * len(every)
    names = [panel.sites[row] for row in (0, *used.donors)]
    for what, values in alike_in.items():
        for name in names:
            if not np.isfinite(values.get(name, np.nan)):
                raise ValueError(f"{name} has no {what} before the change; give it, or do not compare by it")
    given = np.array([[values[name] for name in names] for values in alike_in.values()])
    together = [
        np.vstack([given, np.append(rates.own[: rates.before].mean(), rates.donors[: rates.before].mean(axis=0))])
        for rates in every
    ]
    first, of = together[0], every[0]
    importance = choose_importance(
        *scaled(first[:, 0], first[:, 1:]),
        outcome=of.own[: of.before],
        outcomes=of.donors[: of.before],
        generator=generator,
    )
    return importance, [Likeness(own=one[:, 0], donors=one[:, 1:], importance=importance.values) for one in together]


def _out_of_reach(mixed: Sequence[Mixed]) -> str | None:
    if not all(np.isfinite(one.ratio) and np.isfinite(one.ratio_range[1]) for one in mixed):
        return "the nearest mixture of the others had no event after the change"
    if sum(one.out_of_reach for one in mixed) * 2 <= len(mixed):
        return None
    off = float(np.mean([one.off for one in mixed]))
    return (
        f"no mixture of the others reaches its level: before, even the nearest is {abs(off):.0%} "
        f"{'below' if off > 0 else 'above'} it on average"
    )
