"""`Released`: what may leave a site, made here and nowhere else."""

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from rounds.disclosure.bounded import bounded_problem, bounded_schema
from rounds.disclosure.completeness import BoundedShare, bound_share, share_problem
from rounds.disclosure.policy import Policy, apply_policy
from rounds.errors import DisclosureRefusal
from rounds.measures.completeness import Share
from rounds.measures.counts import Count
from rounds.measures.definitions import MeasureRef
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


def release(count: Count, *, policy: Policy, already_public: bool, completeness: tuple[Share, ...] = ()) -> Released:
    """Return what a policy lets leave of a count.

    Args:
        count: exact counts of one measure.
        policy: the site's own rule.
        already_public: whether the counts come from published aggregates rather than from records.
        completeness: how complete the records are that were counted, exactly.

    Raises:
        DisclosureRefusal: if `open` is asked for anything that is not public already, or the policy has no rule for
            the kind of number.
    """
    if policy is Policy.OPEN and not already_public:
        raise DisclosureRefusal(
            f"{count.measure}: policy `open` is only for data that are already public; "
            "choose `hes` in site.yaml for counts made from records"
        )
    expressions = apply_policy(policy, count.kind)
    if expressions is None:
        raise DisclosureRefusal(
            f"{count.measure}: policy `{policy}` has no rule for a {count.kind}, so nothing of it may leave; leave "
            "this site out of the measure"
        )
    keys = ["member", "period", *map(str, count.strata)]
    cells = count.cells.select(*keys, *expressions).cast(dict(bounded_schema(count.strata)))  # type: ignore[arg-type]
    return Released(
        measure=count.measure,
        policy=policy,
        strata=count.strata,
        cells=cells,
        completeness=tuple(bound_share(share) for share in completeness),
        seal=_SEAL,
    )
