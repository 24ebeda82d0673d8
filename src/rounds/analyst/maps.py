"""Maps of an analyst's table: rates by place, and where high or low ones lie together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rounds.analyst.columns import Columns, Guess, Reading, Wants, understand
from rounds.analyst.frames import TableError, table_of
from rounds.analyst.map_clusters import PlacedClusters, clusters_of
from rounds.analyst.shown import charts_as_html, way_of, with_unit
from rounds.analyst.sums import BETWEEN, SHOWN, Summed, summed
from rounds.learning.variation.between_places.clusters import Cluster
from rounds.learning.variation.over_time.chart import Told
from rounds.measures.definitions import Better
from rounds.reports.charts.map import ALONE, HIGH, LOW, MapPlace, map_chart
from rounds.reports.charts.theme import Spec
from rounds.reports.content.wording import better_words, listing, number, plural
from rounds.storage.geojson import Boundary, read_boundaries

_OUTLINED = {
    Cluster.HIGH: HIGH,
    Cluster.LOW: LOW,
    Cluster.HIGH_OUTLIER: ALONE,
    Cluster.LOW_OUTLIER: ALONE,
    Cluster.NONE: None,
}
"""How each kind is drawn."""
_SHADES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class MapResult:
    """Rates by place, drawn on a map. Shows itself in a notebook; `write` makes files of it."""

    source: str
    guesses: tuple[Guess, ...]
    summed_over: str
    names: tuple[str, ...]
    counts: Summed
    clusters: tuple[Cluster | None, ...]
    """of each place; None where it was not looked for, and `notes` say why"""
    told: tuple[Told | None, ...]
    """whether it is in that cluster for certain, or possibly, as counts are withheld"""
    per: float
    unit: str
    sentence: str
    notes: tuple[str, ...]
    spec: Spec

    @property
    def alt_text(self) -> str:
        """What the picture shows, for who does not see it."""
        return f"Map of {plural(len(self.names), 'place')}, {self.unit}. {self.sentence}"

    def write(
        self, folder: str | Path, *, pictures: int = 1, done: Callable[[], None] = lambda: None
    ) -> tuple[Path, ...]:
        """Write a workbook, and an SVG and a PNG of the map; arguments as of `SpcResult.write`."""
        from rounds.analyst.files import write_map

        return write_map(self, Path(folder), pictures=pictures, done=done)

    def __str__(self) -> str:
        return self.sentence

    def _repr_html_(self) -> str:
        """Return the map with its sentence, for a notebook."""
        return charts_as_html([("map", self.sentence, self.spec, self.alt_text, ())], Better.NEITHER)

    def table(self) -> pl.DataFrame:
        """Return every place: its counts, rate and cluster. A withheld number is null, and `state` says so."""
        return (
            self.counts.rows.select("place", "numerator", "denominator", "lower", "upper")
            .with_columns(
                name=pl.Series(self.names),
                value=self.per * pl.col("numerator") / pl.col("denominator"),
                lowest=self.per * pl.col("lower") / pl.col("denominator"),
                highest=self.per * pl.col("upper") / pl.col("denominator"),
                cluster=pl.Series([None if one is None else str(one) for one in self.clusters], dtype=pl.String),
                told=pl.Series([None if one is None else str(one) for one in self.told], dtype=pl.String),
                state=self.counts.rows["state"],
            )
            .drop("lower", "upper")
        )


def place_map(  # noqa: PLR0913 - an analyst's own names for columns, all optional
    data: Any,
    boundaries: str | Path,
    *,
    place: str | None = None,
    key: str | None = None,
    when: str | None = None,
    numerator: str | None = None,
    denominator: str | None = None,
    better: str = "neither",
    per: float | None = None,
    where: Mapping[str, Any] | None = None,
    reading: Reading | None = None,
    seed: int = 1,
) -> MapResult:
    """Return a map of rates by place, with the clusters of high and of low ones.

    Args:
        data: as in `spc`.
        boundaries: the path of a GeoJSON file of the places, in longitude and latitude.
        place: the column of places.
        key: the property of the boundaries that holds what the table calls them; found by itself if left out.
        when: the column of dates, if there is one; they are added up.
        numerator: the column of events.
        denominator: the column of people, or of time.
        better: as in `spc`.
        per: as in `spc`.
        where: as in `spc`.
        reading: as in `spc`.
        seed: of the arrangements by chance that clusters are held against.

    Raises:
        TableError: names file, line and column, and what to do.

    Source: see `rounds.learning.variation.between_places.clusters`.
    """
    table = table_of(data, where=where)
    given = Columns(when=when, series=(place,) if place else (), numerator=numerator, denominator=denominator)
    understood = understand(table, given, reading=reading or Reading(), wants=Wants())
    counts = summed(understood, what="place", part=per is None)
    if counts.rows["group"].n_unique() > 1:
        others = " and ".join(name for name in understood.columns.series[1:])
        raise TableError(
            f"{table.name}: a map shows one number a place, and there is one for each {others}; choose with --where"
        )
    known = read_boundaries(Path(boundaries), counts.rows["place"].to_list(), key=key, error=TableError)
    outlines = [known.places[code] for code in counts.rows["place"].to_list()]
    shown = counts.rows.filter(pl.col("state") == SHOWN)
    if not shown.height:
        raise TableError(f"{table.name}: no place has counts that are shown; there is nothing to draw")
    scale = counts.scaled(shown, per)
    found = clusters_of(counts.rows, outlines, seed)
    names = tuple(_name(outline, known.key) for outline in outlines)
    labels, breaks = _shades((scale.per * shown["numerator"] / shown["denominator"]).to_list())
    return MapResult(
        source=table.name,
        guesses=understood.guesses,
        summed_over=counts.over,
        names=names,
        counts=counts,
        clusters=found.clusters,
        told=found.told,
        per=scale.per,
        unit=scale.unit,
        sentence=_sentence(names, found, counts.rows, scale.per, scale.unit),
        notes=found.notes,
        spec=map_chart(
            places=tuple(
                MapPlace(
                    name=name,
                    geometry=outline.geometry,
                    middle=_middle(outline),
                    value=scale.per * row["numerator"] / row["denominator"] if row["state"] == SHOWN else None,
                    bounds=_ends(row, scale.per, scale.share),
                    cluster=None if cluster is None else _OUTLINED[cluster],
                    possible=told is Told.POSSIBLE,
                )
                for name, outline, row, cluster, told in zip(
                    names, outlines, counts.rows.iter_rows(named=True), found.clusters, found.told, strict=True
                )
            ),
            breaks=breaks,
            labels=labels,
            title=f"{counts.numerator}, {scale.unit} ({better_words(way_of(better))})",
        ),
    )


def _sentence(names: tuple[str, ...], placed: PlacedClusters, rows: pl.DataFrame, per: float, unit: str) -> str:
    shown = rows.filter(pl.col("state") == SHOWN)
    level = with_unit(per * float(shown["numerator"].sum()) / float(shown["denominator"].sum()), unit)
    found = []
    for cluster in (Cluster.HIGH, Cluster.LOW, Cluster.HIGH_OUTLIER, Cluster.LOW_OUTLIER):
        for told, words in ((Told.CERTAIN, cluster), (Told.POSSIBLE, f"possibly {cluster}")):
            both = zip(names, placed.clusters, placed.told, strict=True)
            mine = [name for name, one, sure in both if one is cluster and sure is told]
            if mine:
                found.append(f"{words}: {listing(mine)}")
    looked = any(cluster is not None for cluster in placed.clusters)
    said = "; ".join(found) or ("no clusters" if looked else "clusters were not looked for")
    between = int((rows["state"] == BETWEEN).sum())
    without_number = rows.height - shown.height - between
    hidden = f"; {between} known only between bounds" if between else ""
    hidden += f"; {without_number} without a number" if without_number else ""
    of_all = f"{level} where counts are shown" if between else level
    return f"{plural(rows.height, 'place')}, {of_all}: {said}{hidden}"


def _ends(row: dict[str, Any], per: float, share: bool) -> tuple[float, float] | None:
    """Return between what a rate lies; None where nobody says."""
    if row["state"] not in (SHOWN, BETWEEN):
        return None
    low, high = (per * row[end] / row["denominator"] for end in ("lower", "upper"))
    return (low, min(high, per)) if share else (low, high)


def _shades(values: list[float]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return what five shades of equally many places are called, and the values between them."""
    inner = sorted(set(np.quantile(values, np.linspace(0, 1, _SHADES + 1)[1:-1]).tolist()))
    low, high = min(values), max(values)
    breaks = tuple(limit for limit in inner if low <= limit < high)
    ends = [low, *breaks, high]
    return tuple(f"{number(a)} to {number(b)}" for a, b in pairwise(ends)), breaks


def _middle(outline: Boundary) -> tuple[float, float]:
    """Return the middle of the largest ring."""
    ring = np.array(max(outline.rings, key=_area))
    return float(ring[:-1, 0].mean()), float(ring[:-1, 1].mean())


def _area(ring: Sequence[tuple[float, float]]) -> float:
    x, y = np.array(ring).T
    return abs(float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1]))) / 2


def _name(outline: Boundary, key: str) -> str:
    """Return what people call a place: a property that says so, else what the table calls it."""
    named = [
        value for name, value in outline.properties.items() if "name" in name.lower() or name.lower().endswith("nm")
    ]
    return named[0] if named else outline.properties[key]
