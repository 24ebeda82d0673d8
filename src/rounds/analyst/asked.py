"""Which chart an analyst asks for, read by which rules, with limits from when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rounds.analyst.frames import TableError
from rounds.analyst.points import Line
from rounds.learning.variation.over_time.asked import NEEDS, TAKES_BOUNDS, TAKES_KNOWN, Columns, chart_asked
from rounds.learning.variation.over_time.bulk import why_no_limits
from rounds.learning.variation.over_time.chart import Chart, Kind
from rounds.learning.variation.over_time.drawing import Reading
from rounds.learning.variation.over_time.rebasing import Basis, Rebase
from rounds.learning.variation.over_time.rule_sets import RuleSet
from rounds.learning.variation.over_time.withheld import Known
from rounds.learning.variation.over_time.xmr import without_limits, xmr_chart
from rounds.measures.definitions import Better
from rounds.storage.suggestions import nearest

MEDIANS: Final = (Kind.RUN, Kind.G)
"""Charts whose centre line is the median."""
_ANOTHER_UNIT: Final = {
    Kind.MR: "moving range of {}",
    Kind.S: "standard deviation of {}",
    Kind.R: "range of {}",
    Kind.XBAR: "mean of {}",
    Kind.EWMA: "weighted mean of {}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A chart of every series of a table."""

    kind: Kind
    rules: tuple[RuleSet, ...] | None
    rebases: tuple[Rebase, ...]
    screen: bool

    @classmethod
    def of(cls, chart: str, *, rules: Sequence[str], rebase: Mapping[str, str], screen: bool) -> "Asked":
        """Return what the words ask for.

        Raises:
            TableError: if a word is none of those that are known, or a reason is missing.
        """
        kinds, sets = {str(one): one for one in Kind}, {str(one): one for one in RuleSet}
        if chart not in kinds:
            raise TableError(f"there is no chart {chart}{nearest(chart, kinds)}")
        for name in rules:
            if name not in sets:
                raise TableError(f"there are no rules {name}{nearest(name, sets)}")
        try:
            rebases = tuple(Rebase(since=since, reason=reason) for since, reason in rebase.items())
        except ValueError as problem:
            raise TableError(str(problem)) from None
        return cls(kind=kinds[chart], rules=tuple(sets[name] for name in rules) or None, rebases=rebases, screen=screen)

    @property
    def of_subgroups(self) -> bool:
        """Whether a point is made of several numbers of one period."""
        return "groups" in NEEDS[self.kind]

    def unit(self, of_values: str) -> str:
        """Return the unit of what is drawn, from that of the table's values."""
        return _ANOTHER_UNIT.get(self.kind, "{}").format(of_values)

    def ends(self, line: Line) -> tuple[float, float]:
        """Return the lowest and the highest that what is drawn can be."""
        if self.kind in _ANOTHER_UNIT and self.kind is not Kind.EWMA and self.kind is not Kind.XBAR:
            return 0.0, np.inf
        return (0.0, np.inf) if self.kind is Kind.C else line.ends

    def drawn(
        self,
        line: Line,
        labels: tuple[str, ...],
        *,
        better: Better,
        target: float | None,
        per: float,
        known: Known | None,
    ) -> Chart:
        """Return the chart of one series.

        Args:
            line: the series.
            labels: of its periods.
            better: which way is improvement.
            target: in the unit of what is drawn.
            per: what rates are per.
            known: what is known of withheld points, for an XmR or I chart.

        Raises:
            TableError: if the table does not hold what the chart is made of, or the chart itself refuses.
        """
        if self.of_subgroups and line.withheld.any():
            raise TableError(
                f"{line.name}: {int(line.withheld.sum())} of {len(line.withheld)} numbers are withheld, and a "
                f"{self.kind} chart needs every number of a period; leave those periods out, or draw a run chart"
            )
        stops_at_gaps = self.kind is Kind.EWMA  # a weighted mean of all before cannot step over one
        if stops_at_gaps or not self._takes_withheld(line, known):
            reason = why_no_limits(line.values, line.withheld)
            if reason is not None:
                return without_limits(line.values, reason)
        try:
            if self.kind is Kind.XMR and self.rules in (None, (RuleSet.NHS,)):
                return xmr_chart(
                    values=line.values,
                    better=str(better),
                    target=target,
                    screen=self.screen,
                    withheld=line.withheld,
                    known=known,
                    rebases=self.rebases,
                    periods=labels,
                )
            reading = Reading(
                better=str(better),
                target=target,
                rule_sets=self.rules,
                basis=Basis(rebases=self.rebases),
                periods=labels,
            )
            return chart_asked(self.kind, self._columns(line, per, known), reading, per=per)
        except ValueError as problem:
            said = str(problem).removeprefix("series 1: ")  # one series is asked for at a time
            raise TableError(f"{line.name}: {said}") from None

    def _takes_withheld(self, line: Line, known: Known | None) -> bool:
        """Return whether the chart can be drawn though numbers are withheld.

        Limits of what is shown alone would be those of the larger numbers: the smaller ones are withheld.
        """
        if not line.withheld.any():
            return True
        if self.kind in TAKES_KNOWN:
            return known is not None
        bounded = not np.isnan(line.lower[line.withheld]).any() and not np.isnan(line.upper[line.withheld]).any()
        return bounded and self.kind in (Kind.RUN, *TAKES_BOUNDS)

    def _columns(self, line: Line, per: float, known: Known | None) -> Columns:
        needed = NEEDS[self.kind]
        if "events" in needed and line.numerator is None and self.kind is not Kind.C:
            raise TableError(
                f"{line.name}: a {self.kind} chart is made of counts; name them with --numerator and --denominator"
            )
        if self.kind is Kind.RUN and line.withheld.any():
            return Columns(values=line.lower, values_upper=line.upper)
        values = line.values if "values" in needed else None
        if self.kind not in TAKES_BOUNDS:
            sizes = line.denominator if "sizes" in needed else None
            if "sizes" in needed and sizes is None:
                raise TableError(f"{line.name}: a {self.kind} chart needs sizes; name them with --denominator")
            return Columns(values=values, sizes=sizes, groups=line.groups, known=known)
        if line.numerator is None or line.denominator is None:
            exact = not line.withheld.any()
            return Columns(events=line.lower, events_upper=None if exact else line.upper)
        denominators = line.denominator
        lower, upper = (np.rint(ends * denominators / per) for ends in (line.lower, line.upper))
        sizes = denominators if "sizes" in needed else None
        return Columns(events=lower, events_upper=upper if line.withheld.any() else None, sizes=sizes)
