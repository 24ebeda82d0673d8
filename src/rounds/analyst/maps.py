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
from rounds.analyst.shown import charts_as_html, way_of, with_unit
from rounds.analyst.sums import SHOWN, Summed, summed
from rounds.learning.variation.between_places.clusters import FEWEST_PLACES, Cluster, spatial_clusters
from rounds.learning.variation.between_places.neighbours import touching, without
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
_MOST_HIDDEN = 0.2
"""Of places without a number, of all: with more, what is left is no map."""


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
        return self.counts.rows.select("place", "numerator", "denominator").with_columns(
            name=pl.Series(self.names),
            value=self.per * pl.col("numerator") / pl.col("denominator"),
            cluster=pl.Series([None if one is None else str(one) for one in self.clusters], dtype=pl.String),
            state=self.counts.rows["state"],
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
    counts = summed(understood, what="place")
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
    clusters, notes = _clusters(counts.rows, outlines, seed)
    names = tuple(_name(outline, known.key) for outline in outlines)
    labels, breaks = _shades((scale.per * shown["numerator"] / shown["denominator"]).to_list())
    return MapResult(
        source=table.name,
        guesses=understood.guesses,
        summed_over=counts.over,
        names=names,
        counts=counts,
        clusters=clusters,
        per=scale.per,
        unit=scale.unit,
        sentence=_sentence(names, clusters, counts.rows, scale.per, scale.unit),
        notes=notes,
        spec=map_chart(
            places=tuple(
                MapPlace(
                    name=name,
                    geometry=outline.geometry,
                    middle=_middle(outline),
                    value=scale.per * row["numerator"] / row["denominator"] if row["state"] == SHOWN else None,
                    cluster=None if cluster is None else _OUTLINED[cluster],
                )
                for name, outline, row, cluster in zip(
                    names, outlines, counts.rows.iter_rows(named=True), clusters, strict=True
                )
            ),
            breaks=breaks,
            labels=labels,
            title=f"{counts.numerator}, {scale.unit} ({better_words(way_of(better))})",
        ),
    )


def _clusters(
    rows: pl.DataFrame, outlines: list[Boundary], seed: int
) -> tuple[tuple[Cluster | None, ...], tuple[str, ...]]:
    """Return each place's cluster, None where it was not looked for, and what a reader must know."""
    hidden = rows.with_row_index("at").filter(pl.col("state") != SHOWN)["at"].to_list()
    none: tuple[Cluster | None, ...] = (None,) * rows.height
    neighbours, kept = without(touching([outline.rings for outline in outlines]), hidden)
    linked = sum(1 for others in neighbours if others)
    if linked < FEWEST_PLACES:
        return none, (f"No clusters are looked for: {linked} places touch another, and {FEWEST_PLACES} are needed.",)
    if len(hidden) > _MOST_HIDDEN * rows.height:
        return none, (f"No clusters are looked for: {len(hidden)} of {rows.height} places have no number.",)
    shown = rows[list(kept)]
    try:
        found = spatial_clusters(
            events=shown["numerator"].to_numpy(),
            populations=shown["denominator"].to_numpy(),
            neighbours=neighbours,
            seed=seed,
        )
    except ImportError:
        return none, ('No clusters are looked for: that needs the extra "places" (pip install "rounds[places]").',)
    except ValueError as problem:
        return none, (f"No clusters are looked for: {problem}.",)
    by_place = dict(zip(kept, found.places, strict=True))
    notes = [
        f"Neighbours' rates are {'alike' if found.p_value < 0.05 else 'not clearly alike'} (Moran's I "
        f"{found.morans_i:.2f}, p {found.p_value:.2g}), standardised for how much small places vary.",
        "A place is named where its neighbours are so like or unlike it that, of the places named, at most 5% are "
        "expected to be so by chance (local Moran's I, 9,999 arrangements, Benjamini-Hochberg). A cluster is a prompt "
        "to ask why.",
    ]
    if hidden:
        notes.append(
            f"{plural(len(hidden), 'place')} without a number took no part; a cluster beside them may be missed."
        )
    return tuple(by_place.get(at) for at in range(rows.height)), tuple(notes)


def _sentence(
    names: tuple[str, ...], clusters: tuple[Cluster | None, ...], rows: pl.DataFrame, per: float, unit: str
) -> str:
    shown = rows.filter(pl.col("state") == SHOWN)
    level = with_unit(per * float(shown["numerator"].sum()) / float(shown["denominator"].sum()), unit)
    found = []
    for cluster in (Cluster.HIGH, Cluster.LOW, Cluster.HIGH_OUTLIER, Cluster.LOW_OUTLIER):
        mine = [name for name, one in zip(names, clusters, strict=True) if one is cluster]
        if mine:
            found.append(f"{cluster}: {listing(mine)}")
    looked = any(cluster is not None for cluster in clusters)
    said = "; ".join(found) or ("no clusters" if looked else "clusters were not looked for")
    without_number = rows.height - shown.height
    hidden = f"; {without_number} without a number" if without_number else ""
    return f"{plural(rows.height, 'place')}, {level}: {said}{hidden}"


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
