"""A chart by the name of its kind, from columns of numbers: what a command or a page asks for."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from rounds.learning.variation.over_time.attributes import c_chart, counts_alone, p_chart, u_chart
from rounds.learning.variation.over_time.chart import Chart, Kind
from rounds.learning.variation.over_time.counted import Counted
from rounds.learning.variation.over_time.cumulative import ewma_chart
from rounds.learning.variation.over_time.drawing import Reading
from rounds.learning.variation.over_time.individuals import i_chart, i_prime_chart, mr_chart, run_chart
from rounds.learning.variation.over_time.rare_events import g_chart, t_chart
from rounds.learning.variation.over_time.rule_sets import RuleSet
from rounds.learning.variation.over_time.rules import Vector
from rounds.learning.variation.over_time.subgroups import Subgroups, r_chart, s_chart, xbar_chart
from rounds.learning.variation.over_time.withheld import Known
from rounds.learning.variation.over_time.xmr import xmr_chart


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The numbers of one series. Arrays have shape (periods,), but of subgroups (values,); NaN where there is none."""

    values: Vector | None = None
    """rates, means or single values; cases or time between events"""
    values_upper: Vector | None = None
    """of a run chart the highest that each value can be, where some are withheld; `values` are then the lowest"""
    known: Known | None = None
    """of an XmR or I chart, what is known of values of which some are withheld; `values` are NaN there"""
    events: Vector | None = None
    """counts; where some are withheld or rounded, the lowest they can be"""
    events_upper: Vector | None = None
    """the highest; None where all are exact"""
    sizes: Vector | None = None
    """denominators, or how many a value rests on; where some are withheld, the lowest they can be"""
    sizes_upper: Vector | None = None
    groups: Sequence[Hashable] | None = None
    """which subgroup each value is of"""

    @property
    def withheld(self) -> bool:
        return self.events_upper is not None or self.sizes_upper is not None

    @property
    def single(self) -> Vector | Known:
        """What an XmR or I chart is made of."""
        return _given(self.values) if self.known is None else self.known


NEEDS: dict[Kind, tuple[str, ...]] = {
    Kind.RUN: ("values",),
    Kind.XMR: ("values",),
    Kind.I: ("values",),
    Kind.MR: ("values",),
    Kind.EWMA: ("values",),
    Kind.G: ("values",),
    Kind.T: ("values",),
    Kind.I_PRIME: ("values", "sizes"),
    Kind.P: ("events", "sizes"),
    Kind.P_PRIME: ("events", "sizes"),
    Kind.U: ("events", "sizes"),
    Kind.U_PRIME: ("events", "sizes"),
    Kind.C: ("events",),
    Kind.XBAR: ("values", "groups"),
    Kind.S: ("values", "groups"),
    Kind.R: ("values", "groups"),
}
"""The columns of each kind of chart."""

TAKES_BOUNDS = (Kind.P, Kind.P_PRIME, Kind.U, Kind.U_PRIME, Kind.C)
"""Charts of counts that may be withheld or rounded."""
TAKES_KNOWN = (Kind.XMR, Kind.I)
"""Charts of single values of which some may be withheld, where it is known what they are expected to be."""


def chart_asked(kind: Kind, columns: Columns, reading: Reading | None = None, *, per: float = 1.0) -> Chart:
    """Return the chart of a kind.

    Args:
        kind: which.
        columns: those it needs (`NEEDS`); others are refused, since they would silently not count.
        reading: how it is read.
        per: what P and U charts are plotted per: 100 for percent.

    Raises:
        ValueError: if a column is missing or is one too many, bounds are given to a chart without a method for them, or
            as the chart itself.

    >>> counts = Columns(events=np.array([4.0, 5, 3, 6]), sizes=np.array([50.0, 52, 48, 50]))
    >>> round(chart_asked(Kind.P, counts, per=100).mean, 2)
    9.0
    """
    _check(kind, columns)
    if kind in (Kind.XBAR, Kind.S, Kind.R):
        groups = Subgroups.of(_given(columns.values), columns.groups or ())
        if kind is Kind.R:
            return r_chart(groups, reading)
        return (xbar_chart if kind is Kind.XBAR else s_chart)(groups, reading)
    if kind in TAKES_BOUNDS:
        return _of_counts(kind, columns, reading, per)
    values = _given(columns.values)
    match kind:
        case Kind.I_PRIME:
            return i_prime_chart(values, _given(columns.sizes), reading)
        case Kind.RUN:
            return run_chart(values if columns.values_upper is None else (values, columns.values_upper), reading)
        case Kind.I:
            return i_chart(columns.single, reading)
        case Kind.MR:
            return mr_chart(values, reading)
        case Kind.EWMA:
            return ewma_chart(values, reading)
        case Kind.G:
            return g_chart(values, reading)
        case Kind.T:
            return t_chart(values, reading)
    return _xmr(columns.single, reading or Reading())


def _xmr(values: Vector | Known, reading: Reading) -> Chart:
    plain = reading.basis.freeze is None and not reading.basis.exclude
    if not isinstance(values, Known) and reading.rules_for(Kind.XMR) == (RuleSet.NHS,) and plain:
        return xmr_chart(
            values=values,
            better=reading.better,
            target=reading.target,
            rebases=reading.basis.rebases,
            periods=reading.periods,
        )
    rules = tuple(dict.fromkeys((RuleSet.NHS, *reading.rules_for(Kind.XMR))))
    return i_chart(
        values,
        Reading(
            better=reading.better,
            target=reading.target,
            rule_sets=rules,
            basis=reading.basis,
            periods=reading.periods,
        ),
    )


def _of_counts(kind: Kind, columns: Columns, reading: Reading | None, per: float) -> Chart:
    low = _given(columns.events)
    high = low if columns.events_upper is None else columns.events_upper
    if kind is Kind.C:
        return c_chart(counts_alone(low, high), reading)
    sizes = _given(columns.sizes)
    proportion = kind in (Kind.P, Kind.P_PRIME)
    counted = Counted(
        events_lower=low,
        events_upper=high,
        sizes_lower=sizes,
        sizes_upper=sizes if columns.sizes_upper is None else columns.sizes_upper,
        proportion=proportion,
    )
    made = p_chart if proportion else u_chart
    return made(counted, reading, prime=kind in (Kind.P_PRIME, Kind.U_PRIME), per=per)


def _check(kind: Kind, columns: Columns) -> None:
    given = {name for name in ("values", "events", "sizes", "groups") if getattr(columns, name) is not None}
    needed = set(NEEDS[kind])
    if given != needed:
        wanted = " and ".join(NEEDS[kind])
        raise ValueError(f"a {kind} chart is made of {wanted}; given are {', '.join(sorted(given)) or 'none'}")
    if columns.withheld and kind not in TAKES_BOUNDS:
        raise ValueError(f"a {kind} chart of counts between bounds has no proper method: draw a P, U or C chart")
    if (columns.values_upper is not None and kind is not Kind.RUN) or (columns.known and kind not in TAKES_KNOWN):
        raise ValueError(f"a {kind} chart of values between bounds has no proper method: draw an XmR, I or run chart")
    if columns.sizes_upper is not None and kind is Kind.C:
        raise ValueError("a C chart has no sizes: draw a U chart")


def _given(column: Vector | None) -> Vector:
    return np.zeros(0) if column is None else np.asarray(column, dtype=np.float64)
