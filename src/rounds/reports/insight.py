"""The insight: the one object that every page, sheet and file renders."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from rounds.errors import RoundsError


class Audience(StrEnum):
    """Who reads. Each has its own page."""

    PRACTITIONER = "practitioner"
    SERVICE_MANAGER = "service-manager"
    COMMISSIONER = "commissioner"
    PUBLIC_HEALTH = "public-health"
    LOCAL_AUTHORITY = "local-authority"
    RESEARCHER = "researcher"
    POLICY_MAKER = "policy-maker"


class Direction(StrEnum):
    BETTER = "better"
    WORSE = "worse"
    NO_CHANGE = "no change"
    NEUTRAL = "neutral"


class Certainty(StrEnum):
    HIGH = "high"
    MODERATE = "moderate"
    LOW = "low"


class Kind(StrEnum):
    """What sort of statement it is, which decides who sees it and where."""

    OVER_TIME = "over time"
    BETWEEN_SITES = "between sites"
    SPREAD = "spread"
    IMPACT = "impact"
    BENEFIT = "benefit"
    EQUITY = "equity"
    WARNING = "warning"
    PIPELINE = "pipeline"


class Mark(StrEnum):
    """What stands in a cell that holds no number. Government statistics shorthand."""

    WITHHELD = "[c]"
    NOT_AVAILABLE = "[x]"
    NOT_APPLICABLE = "[z]"


Cell = str | int | float | date | Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What a chart shows, as numbers. A withheld number is `Mark.WITHHELD`, with its bounds in columns of their own."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row has {len(row)} cells, the table {len(self.columns)} columns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its interval. What kind of interval is said in words: "95 % confidence", "bounds", "limits"."""

    value: float | None
    """None when only the bounds are known"""
    lower: float
    upper: float
    interval: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    level: Certainty
    because: str
    estimate: Estimate
    method: str
    """name@version"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benefit:
    patients: Estimate
    counterfactual: str
    """what would have happened otherwise, in words"""
    site_periods: int | None = None
    """sites times periods in which it was in use, which the benefit is of; None if that was not said"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestPoint:
    """What chance alone does at the latest point of a control chart, for a budget over many of them."""

    p_lowest: float
    """how likely a latest point at least so far off is if nothing changed; where numbers are withheld, the least"""
    p_highest: float
    flagged: bool
    """by the chart's rules, for certain"""
    false_alarms: float
    """the share of such charts whose latest point these rules flag though nothing changes"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    text: str
    owner_role: str
    url: str | None = None
    due: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a statement comes from, precisely enough to make it again."""

    round_id: str
    plan_digest: str
    sites_in: tuple[str, ...]
    sites_out: tuple[str, ...]
    """sites that were asked and are not in it"""
    withheld_cells: int
    total_cells: int
    code_version: str
    data_as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """A further chart with its numbers that a statement rests on, such as what other estimators say."""

    name: str
    """two or three words, for a sheet or a file"""
    title: str
    """a full sentence, which is the chart's accessible name too"""
    chart: dict[str, Any]
    alt_text: str
    table: Table
    notes: tuple[str, ...] = ()
    """what it says, in plain words, a sentence each"""

    def __post_init__(self) -> None:
        if not (self.title.endswith(".") and self.alt_text and self.table.rows):
            raise RoundsError(f"exhibit {self.title}: it needs a sentence, alternative text and a table")


@dataclass(frozen=True, slots=True, kw_only=True)
class Insight:
    """One statement, how sure it is, what shows it and what to do about it."""

    id: str
    kind: Kind
    statement: str
    """a full sentence: the slide's title, the e-mail's subject, the chart's accessible name"""
    direction: Direction
    scope: str
    """an ODS code, a region's name, or "network" """
    scope_name: str
    measure: str
    """id and version, as `str(MeasureRef)`; the innovation's id for a statement about spread alone"""
    measure_title: str
    innovation: str | None
    certainty: Confidence
    comparator: str | None
    benefit: Benefit | None
    chart: dict[str, Any]
    """a Vega-Lite specification with its data inline"""
    alt_text: str
    table: Table
    action: Action | None
    provenance: Provenance
    icons: tuple[str, ...] = ()
    """names of the icons to show: members of `Variation` and `Assurance`"""
    notes: tuple[str, ...] = ()
    """what a careful reader must know: rules used, withheld points, false-alarm rate"""
    latest: LatestPoint | None = None
    """of a control chart that can be tested"""
    exhibits: tuple[Exhibit, ...] = ()
    """further charts that the statement rests on"""

    def __post_init__(self) -> None:
        if not self.statement.endswith("."):
            raise RoundsError(f"insight {self.id}: a statement is a sentence and ends with a full stop")
        if not self.provenance.round_id:
            raise RoundsError(f"insight {self.id}: a statement without a round must not be published")
        if self.certainty.estimate.lower > self.certainty.estimate.upper:
            raise RoundsError(f"insight {self.id}: a statement without a proper interval must not be published")
        if not self.alt_text or not self.table.rows:
            raise RoundsError(f"insight {self.id}: every chart needs alternative text and a table")
