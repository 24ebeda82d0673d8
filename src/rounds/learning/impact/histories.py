"""Sites whose history breaks: two that became one, and counts whose definition changed on a day."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from rounds.learning.bounded.counts import Part
from rounds.learning.impact.effect import Panel
from rounds.learning.impact.identification import Mask, check_panel

OLD_DEFINITION, NEW_DEFINITION = " (old definition)", " (new definition)"
"""What the rows of a site are called whose definition changed; `member_of` takes it away again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Succession:
    """An organisation that became (part of) another on a day."""

    old: str
    new: str
    day: date


def merged(
    panel: Panel, periods: Sequence[tuple[date, date]], successions: Sequence[Succession], *, began: Mapping[str, date]
) -> Panel:
    """Return a panel in which sites that became one are one row, under the last one's name, all along.

    Before the day the row is the sum of all that later became one, with what the bounds of each say of that sum; on
    periods that begin on the day or later it is the successor's own. The period of the day is left out. Where only some
    of them had the innovation in effect, the row is left out as neither with it nor without. From the day on the
    successor is taken to have it if it took it up itself since, or all of them had it.

    Args:
        panel: one row an organisation, as it reported; a site that has no counts of its own may be absent.
        periods: first and last day of each column.
        successions: who became whom and when; chains are followed.
        began: first day on which a site of the panel was live with the innovation, by site; absent if it never was.

    Raises:
        ValueError: if an organisation is its own successor, has two, or lengths differ.
    """
    if len(periods) != panel.lower.shape[1]:
        raise ValueError(f"there are {len(periods)} periods and {panel.lower.shape[1]} columns")
    for (day, new), olds in _mergers(successions):
        members = tuple(name for name in panel.sites if name in olds or name == new)
        if set(members) - {new}:
            panel = _one_row(panel, periods, new=new, day=day, members=members, began=began)
    check_panel(panel)
    return panel


def _mergers(successions: Sequence[Succession]) -> list[tuple[tuple[date, str], set[str]]]:
    """Return who became one, and when, in order of time."""
    following: dict[str, Succession] = {}
    for one in successions:
        if following.setdefault(one.old, one) != one:
            raise ValueError(
                f"{one.old} became {following[one.old].new} on {following[one.old].day} and {one.new} on {one.day}; an "
                "organisation that was divided cannot be followed: leave it out of the successions"
            )
    found: dict[tuple[date, str], set[str]] = defaultdict(set)
    for old, first in following.items():
        at, seen = first, {old}
        while at.new in following:
            if at.new in seen:
                raise ValueError(f"{old} is its own successor; correct the list of successions")
            seen.add(at.new)
            at = following[at.new]
        if first.new == old:
            raise ValueError(f"{old} is its own successor; correct the list of successions")
        found[first.day, first.new].add(old)
    return sorted(found.items())


def _one_row(
    panel: Panel,
    periods: Sequence[tuple[date, date]],
    *,
    new: str,
    day: date,
    members: tuple[str, ...],
    began: Mapping[str, date],
) -> Panel:
    rows = [panel.sites.index(name) for name in members]
    before = np.array([end < day for _, end in periods])
    after = np.array([start >= day for start, _ in periods])
    own = panel.sites.index(new) if new in panel.sites else None
    touched = panel.treated | panel.excluded
    treated: Mask = np.asarray(panel.treated[rows].all(axis=0))
    excluded: Mask = np.asarray(~treated & touched[rows].any(axis=0))
    joined = [row for name, row in zip(members, rows, strict=True) if name != new]
    if own is not None:
        if began.get(new, date.min) >= day:  # it took the innovation up itself since
            treated = np.where(after, panel.treated[own], panel.treated[joined].all(axis=0) & before)
            excluded = np.asarray(~treated & (touched[joined].any(axis=0) | panel.excluded[own]))
        elif np.isnan(panel.lower[own][before]).all():  # it was not there before: it goes on as the others were
            treated = np.asarray(panel.treated[joined].all(axis=0))
            excluded = np.asarray(~treated & touched[joined].any(axis=0))
    lower, upper, exposure = (np.full(len(periods), np.nan) for _ in range(3))
    there = [row for row in rows if not np.isnan(panel.lower[row][before]).all()]
    parts = {key: value for key, value in panel.parts.items() if key[0] not in members}
    noise = panel.with_noise
    for column in np.flatnonzero(before):
        if not there or np.isnan(panel.lower[there, column]).any() or noise[there, column].any():
            continue
        of_column = tuple(_parts_of(panel, row, int(column)) for row in there)
        flat = tuple(part for several in of_column for part in several)
        lower[column], upper[column] = sum(part.lower for part in flat), sum(part.upper for part in flat)
        exposure[column] = float(panel.exposure[there, column].sum())
        if len(flat) > 1:
            parts[new, int(column)] = flat
    if own is not None:
        for mine, theirs in ((lower, panel.lower), (upper, panel.upper), (exposure, panel.exposure)):
            mine[after] = theirs[own][after]
    keep = [row for row, name in enumerate(panel.sites) if name not in members]
    wide = {"noisy": panel.noisy, "sigma": panel.sigma}
    for name, matrix in wide.items():
        if matrix is not None:
            row = np.where(after, matrix[own], np.nan) if own is not None else np.full(len(periods), np.nan)
            wide[name] = np.vstack([matrix[keep], row])
    said = f"{_listed([name for name in members if name != new])} became {new} on {day}; before that {new} is their sum"
    unequal = bool((excluded & after).any() and not treated[after].any())
    said += ", and as only some of them had the innovation, its later periods are left out." if unequal else "."
    return replace(
        panel,
        sites=(*(panel.sites[row] for row in keep), new),
        lower=np.vstack([panel.lower[keep], lower]),
        upper=np.vstack([panel.upper[keep], upper]),
        exposure=np.vstack([panel.exposure[keep], exposure]),
        treated=np.vstack([panel.treated[keep], treated]),
        excluded=np.vstack([panel.excluded[keep], excluded]),
        noisy=wide["noisy"],
        sigma=wide["sigma"],
        parts=parts,
        notes=(*panel.notes, said),
    )


def _parts_of(panel: Panel, row: int, column: int) -> tuple[Part, ...]:
    whole = Part(
        lower=float(panel.lower[row, column]),
        upper=float(panel.upper[row, column]),
        size=float(panel.exposure[row, column]),
    )
    return panel.parts.get((panel.sites[row], column), (whole,))


def member_of(row: str) -> str:
    """Return whose counts a row of a panel holds: those under an old and a new definition are of one member.

    >>> member_of("RX1" + NEW_DEFINITION)
    'RX1'
    """
    return row.removesuffix(OLD_DEFINITION).removesuffix(NEW_DEFINITION)


def with_definitions(panel: Panel, periods: Sequence[tuple[date, date]], changed: Mapping[str, date]) -> Panel:
    """Return a panel in which a site's counts before and after its definition changed have levels of their own.

    What a new definition adds or takes away at a site then reads neither as an effect nor as a trend: periods with the
    innovation are compared with periods without it under the same definition. Where there are none at a site, the
    estimate leaves its later periods out and says so. The period of the change is left out.

    Args:
        panel: one row a site.
        periods: first and last day of each column.
        changed: the first day on which a site counted by the new definition, by site; absent if it never changed.

    Raises:
        ValueError: if a site is not in the panel or lengths differ.
    """
    if len(periods) != panel.lower.shape[1]:
        raise ValueError(f"there are {len(periods)} periods and {panel.lower.shape[1]} columns")
    if strangers := sorted(set(changed) - set(panel.sites)):
        raise ValueError(f"the definition changed at {', '.join(strangers)}, not in the panel")
    sites: list[str] = []
    rows: list[int] = []
    kept: list[Mask] = []
    parts = {}
    for row, name in enumerate(panel.sites):
        day = changed.get(name)
        spells = (
            [("", np.ones(len(periods), dtype=np.bool_))]
            if day is None
            else [
                (OLD_DEFINITION, np.array([end < day for _, end in periods])),
                (NEW_DEFINITION, np.array([start >= day for start, _ in periods])),
            ]
        )
        for words, inside in spells:
            if not inside.any():
                continue
            sites.append(name + words)
            rows.append(row)
            kept.append(inside)
            parts.update(
                {(name + words, at): value for (of, at), value in panel.parts.items() if of == name and inside[at]}
            )
    inside = np.stack(kept)

    def spread(matrix: np.ndarray) -> np.ndarray:
        return np.where(inside, matrix[rows], np.nan)

    notes = (
        (f"The definition changed at {_listed(sorted(changed))}; each is compared with itself under one definition.",)
        if changed
        else ()
    )
    return replace(
        panel,
        sites=tuple(sites),
        lower=spread(panel.lower),
        upper=spread(panel.upper),
        exposure=spread(panel.exposure),
        treated=panel.treated[rows] & inside,
        excluded=panel.excluded[rows] & inside,
        noisy=None if panel.noisy is None else spread(panel.noisy),
        sigma=None if panel.sigma is None else spread(panel.sigma),
        parts=parts,
        notes=(*panel.notes, *notes),
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
