"""What a table says about an innovation, as sentences, tables, charts and files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from rounds.analyst.columns import Guess
from rounds.analyst.impact_panel import SCALE
from rounds.analyst.shown import charts_as_html
from rounds.learning.impact.effect import NoEffect, Panel
from rounds.learning.impact.panel.run import DidItWork
from rounds.measures.definitions import Better
from rounds.reports.charts.theme import Spec
from rounds.reports.content.impact_points import impact_points
from rounds.reports.insight import Certainty, Exhibit, Mark

_ESTIMATES = (
    "what",
    "effect",
    "lower",
    "upper",
    "against_leading",
    "against_lower",
    "against_upper",
    "remark",
)
_STEPS = ("periods", "effect", "lower", "upper", "lower_all_steps", "upper_all_steps", "organisations")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactResult:
    """What a table says about an innovation. Shows itself in a notebook; `write` makes files of it."""

    source: str
    guesses: tuple[Guess, ...]
    found: DidItWork | NoEffect
    """the estimates and checks, or why there are none"""
    sentence: str
    """what it did, for how many"""
    certainty: Certainty
    because: str
    spec: Spec
    """counted and expected"""
    alt_text: str
    exhibits: tuple[Exhibit, ...]
    """the estimators compared; before and after adoption"""
    notes: tuple[str, ...]
    panel: Panel
    periods: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """The finding, how sure it is, and what the checks say, in plain words."""
        sure = f"{self.certainty.capitalize()} certainty: {self.because}"
        return (self.sentence, sure, *(line for one in self.exhibits for line in (one.title, *one.notes)), *self.notes)

    def estimates(self) -> pl.DataFrame:
        """Return a row an estimator and check: rate ratio, 95 % interval, difference from the leading one, remark.

        Of means `difference` stands in place of `rate_ratio`.
        """
        return _frame(self.exhibits[0], _named(_ESTIMATES, self.panel)) if self.exhibits else pl.DataFrame()

    def steps(self) -> pl.DataFrame:
        """Return a row a step before or after adoption; empty where there are none."""
        return _frame(self.exhibits[1], _named(_STEPS, self.panel)) if len(self.exhibits) > 1 else pl.DataFrame()

    def table(self) -> pl.DataFrame:
        """Return a row a period: the rate per 1,000, or the mean: lowest and highest possible, and expected."""
        effect = self.found if isinstance(self.found, NoEffect) else self.found.effect
        points = impact_points(effect, self.panel, self.periods, SCALE)
        schema = {
            "period": pl.String,
            "counted_lowest": pl.Float64,
            "counted_highest": pl.Float64,
            "expected": pl.Float64,
            "organisations": pl.Int64,
        }
        rows = [(point.label, point.lower, point.upper, point.expected, point.sites) for point in points]
        return pl.DataFrame(rows, schema=schema, orient="row")

    def write(
        self, folder: str | Path, *, pictures: int = 100, done: Callable[[], None] = lambda: None
    ) -> tuple[Path, ...]:
        """Write a workbook, and an SVG and a PNG of each chart. Arguments as of `SpcResult.write`."""
        from rounds.analyst.impact_files import write_impact

        return write_impact(self, Path(folder), pictures=pictures, done=done)

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    def _repr_html_(self) -> str:
        """Return the charts with their sentences, for a notebook."""
        charts = [("Counted and expected", self.sentence, self.spec, self.alt_text, ())]
        charts += [(one.name, one.title, one.chart, one.alt_text, ()) for one in self.exhibits]
        return charts_as_html(charts, Better.NEITHER)


def _named(columns: tuple[str, ...], panel: Panel) -> tuple[str, ...]:
    """Return the names of an exhibit's columns, with what an effect is: a rate ratio, or a difference of means."""
    effect = "rate_ratio" if panel.mean_of is None else "difference"
    return tuple(effect if name == "effect" else name for name in columns)


def _frame(exhibit: Exhibit, names: tuple[str, ...]) -> pl.DataFrame:
    """Return an exhibit's table; marks become empty cells."""
    rows = [tuple(None if isinstance(cell, Mark) else cell for cell in row) for row in exhibit.table.rows]
    return pl.DataFrame(rows, schema=list(names), orient="row", infer_schema_length=None)
