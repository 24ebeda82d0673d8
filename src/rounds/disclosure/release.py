"""`Released`: what may leave a site, made here and nowhere else."""

from dataclasses import dataclass, field, replace
from typing import Final

import polars as pl

from rounds.disclosure.bounded import QUANTITIES, State, bounded_problem, bounded_schema
from rounds.disclosure.completeness import BoundedShare, bound_share, share_problem
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.rules import Draw, add_noise, apply_terms
from rounds.errors import DisclosureRefusal
from rounds.measures.completeness import Share
from rounds.measures.counts import Count
from rounds.measures.definitions import MeasureRef
from rounds.measures.kinds import CountKind
from rounds.measures.strata import Stratum


class _Seal:
    """Proof that a value was made in this module."""


_SEAL: Final = _Seal()


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """Counts of one measure after disclosure control. Only `release` makes one."""

    measure: MeasureRef
    policy: Policy
    strata: tuple[Stratum, ...]
    cells: pl.DataFrame
    """Columns as in `bounded_schema`."""
    completeness: tuple[BoundedShare, ...] = ()
    """Of what the measure looks at, how much is there."""
    seal: _Seal = field(repr=False)

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise DisclosureRefusal("only disclosure control may make a release; call rounds.disclosure.release")
        problem = bounded_problem(self.cells, self.strata)
        if problem:
            raise DisclosureRefusal(f"{self.measure}: the release is refused because {problem}")
        for share in self.completeness:
            problem = share_problem(share)
            if problem:
                raise DisclosureRefusal(f"{self.measure}: the release is refused because {problem}")


def release(
    count: Count,
    *,
    terms: Terms,
    already_public: bool,
    completeness: tuple[Share, ...] = (),
    told: tuple[BoundedShare, ...] = (),
    stored: pl.DataFrame | None = None,
    draw: Draw | None = None,
) -> Released:
    """Return what a site's policy lets leave of a count.

    Args:
        count: exact counts of one measure.
        terms: what the site's own policy says of the measure.
        already_public: whether the counts come from published aggregates rather than from records.
        completeness: how complete the records are that were counted, exactly.
        told: how complete they were said to be before; it is said again, whatever they are now.
        stored: cells of the same measure that were released before, columns as in `bounded_schema`: they are released
            again as they were, whatever the count says now, and nothing is drawn for them.
        draw: the source of chance; needed by the rule `noise` alone.

    Raises:
        DisclosureRefusal: if `open` is asked for anything that is not public already, nothing of the measure may
            leave, or the rule has none for the kind of number.
    """
    if terms.rule is Policy.OPEN and not already_public:
        raise DisclosureRefusal(
            f"{count.measure}: policy `open` is only for data that are already public; "
            "choose `hes` in site.yaml for counts made from records"
        )
    keys = ["member", "period", *map(str, count.strata)]
    schema = bounded_schema(count.strata)
    known = stored if stored is not None else pl.DataFrame(schema=schema)
    fresh = count.cells.join(known, on=keys, how="anti", maintain_order="left")
    shown = _shown(fresh, terms, count.kind, draw)
    if shown is None:
        why = (
            "lets nothing of it leave" if terms.never else f"has no rule for a {count.kind}, so nothing of it may leave"
        )
        raise DisclosureRefusal(f"{count.measure}: policy `{terms.rule}` {why}; leave this site out of the measure")
    new = shown.select(list(schema)).cast(dict(schema))  # type: ignore[arg-type]
    again = known.join(count.cells, on=keys, how="semi")
    cells = count.cells.select(keys).join(pl.concat([again, new]), on=keys, how="left", maintain_order="left")
    return Released(
        measure=count.measure,
        policy=terms.rule,
        strata=count.strata,
        cells=cells,
        completeness=told or tuple(bound_share(share) for share in completeness),
        seal=_SEAL,
    )


def withhold(released: Released, hidden: pl.DataFrame, *, upper: int) -> Released:
    """Return a release with some numbers withheld that its rule alone would show.

    Args:
        released: what would leave.
        hidden: columns `role` (which quantity), `period` and the strata of each number.
        upper: what is said of them is 0 to this, and of a numerator no more than its denominator is known to be.
    """
    if not hidden.height:
        return released
    keys = ["period", *map(str, released.strata)]
    cells = released.cells
    for name in reversed(QUANTITIES):  # denominators first: they bound their numerators
        mine = hidden.filter(pl.col("role") == name).select(*keys, pl.lit(True).alias("hide"))
        most = pl.lit(upper) if name == "denominator" else pl.min_horizontal(pl.lit(upper), "denominator_upper")
        hide = pl.col("hide").is_not_null()
        cells = (
            cells.join(mine, on=keys, how="left", maintain_order="left")
            .with_columns(
                pl.when(hide).then(pl.lit(State.WITHHELD.value)).otherwise(f"{name}_state").alias(f"{name}_state"),
                pl.when(hide).then(None).otherwise(f"{name}_value").alias(f"{name}_value"),
                pl.when(hide).then(0).otherwise(f"{name}_lower").alias(f"{name}_lower"),
                pl.when(hide).then(most).otherwise(f"{name}_upper").cast(pl.Int64()).alias(f"{name}_upper"),
            )
            .drop("hide")
        )
    return replace(released, cells=cells)


def leave_as_before(released: Released, again: pl.DataFrame) -> Released:
    """Return a release with some numbers as they have left before, under whatever measure.

    Args:
        released: what would leave.
        again: columns `role` (which quantity), `period`, the strata, and `state`, `value`, `lower`, `upper`.
    """
    keys = ["period", *map(str, released.strata)]
    cells = released.cells
    for name in QUANTITIES:
        mine = again.filter(pl.col("role") == name).drop("role")
        if not mine.height:
            continue
        parts = ("state", "value", "lower", "upper")
        before = pl.col("state").is_not_null()
        cells = (
            cells.join(mine, on=keys, how="left", maintain_order="left")
            .with_columns(
                pl.when(before).then(part).otherwise(f"{name}_{part}").alias(f"{name}_{part}") for part in parts
            )
            .drop(parts)
        )
    return replace(released, cells=cells)


def _shown(fresh: pl.DataFrame, terms: Terms, kind: CountKind, draw: Draw | None) -> pl.DataFrame | None:
    if terms.rule is Policy.NOISE:
        if draw is None:
            raise DisclosureRefusal("policy `noise` needs a source of chance, and there is none; nothing may leave")
        return add_noise(fresh, terms, kind, draw)
    expressions = apply_terms(terms, kind)
    if expressions is None:
        return None
    keys = [name for name in fresh.columns if not name.startswith(("numerator", "denominator"))]
    return fresh.select(*keys, *expressions)
