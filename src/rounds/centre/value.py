"""From a round's outputs and declared costs to a business case, and where it is written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rounds.centre.value_groups import groups_of
from rounds.errors import DefinitionError
from rounds.learning.value.programme import Declared
from rounds.measures.definitions import Measure
from rounds.measures.periods import Grain
from rounds.reports.case.write import write_case
from rounds.reports.content.document import Document
from rounds.reports.content.value_case import value_case
from rounds.reports.content.value_evidence import evidence_of
from rounds.reports.insight import Insight, Kind
from rounds.reports.json_file import read_insights
from rounds.reports.outputs import JSON
from rounds.storage.facts import NoEvent, write_unlogged_folder
from rounds.storage.round_files import RoundDeclaration
from rounds.storage.suggestions import nearest
from rounds.storage.value_files import read_declared
from rounds.storage.workspace import Workspace

_DAYS_A_YEAR: Final = 365.25
_YEARS: Final = {
    Grain.DAY: 1 / _DAYS_A_YEAR,
    Grain.WEEK: 7 / _DAYS_A_YEAR,
    Grain.MONTH: 1 / 12,
    Grain.QUARTER: 1 / 4,
    Grain.YEAR: 1.0,
}
VALUES: Final = "values"
"""The folder of a library that holds what programmes cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A case that was written."""

    declared: Declared
    document: Document
    folder: Path


def declared_values(workspace: Workspace, files: tuple[Path, ...]) -> tuple[Declared, ...]:
    """Return what programmes cost: of the files named, or of all in the network's library.

    Raises:
        DefinitionError: if there is none, or one cannot be read.
    """
    folder = workspace.folder / "library" / VALUES
    found = files or tuple(sorted(folder.glob("*.yaml")))
    if not found:
        raise DefinitionError(f"{folder} holds no file of costs; write one there, or name one with --costs FILE")
    return tuple(read_declared(path) for path in found)


def write_value_case(workspace: Workspace, declaration: RoundDeclaration, declared: Declared, *, seed: int) -> Made:
    """Write the business case of a programme from a round, and return it.

    The same round, costs and seed give the same case.

    Args:
        workspace: the network.
        declaration: of a round that is published.
        declared: what the programme costs and its effect is worth.
        seed: of the simulations.

    Raises:
        DefinitionError: if the round is not published or says nothing of the programme, or a number is impossible.
    """
    insights = _published(workspace, declaration)
    impact = _impact(insights, declared, declaration)
    measure = _measure_of(workspace, impact)
    groups = declared.groups or groups_of(workspace, declaration, declared, impact.provenance)
    evidence = evidence_of(impact, period_years=period_years(measure, declaration), groups=groups)
    try:
        document = value_case(declared, evidence, network=workspace.name, seed=seed)
    except ValueError as error:
        raise DefinitionError(f"value {declared.id}: {error}") from error
    folder = workspace.folder / "cases" / f"{declaration.id}-{declared.id}"

    def fill(partial: Path) -> None:
        write_case(partial, document=document, made_on=declaration.as_of)

    write_unlogged_folder(folder, fill, because=NoEvent.OWN_REPORT)
    return Made(declared=declared, document=document, folder=folder)


def period_years(measure: Measure, declaration: RoundDeclaration) -> float:
    """Return how long one period of a measure is, in years."""
    if measure.grain is Grain.ALL:
        return ((declaration.last - declaration.first).days + 1) / _DAYS_A_YEAR
    return measure.span * _YEARS[measure.grain]


def _published(workspace: Workspace, declaration: RoundDeclaration) -> tuple[Insight, ...]:
    path = workspace.outputs(declaration.id) / JSON
    if not path.exists():
        raise DefinitionError(
            f"round {declaration.id} is not published: {path} is missing; run `rounds run {workspace.folder}` first"
        )
    return read_insights(path.read_bytes())


def _impact(insights: tuple[Insight, ...], declared: Declared, declaration: RoundDeclaration) -> Insight:
    found = [one for one in insights if one.kind is Kind.IMPACT and one.innovation is not None]
    for one in found:
        if one.innovation == declared.innovation and one.measure.split(" ")[0] == declared.measure:
            return one
    pairs = [f"{one.innovation} on {one.measure.split(' ')[0]}" for one in found]
    wanted = f"{declared.innovation} on {declared.measure}"
    raise DefinitionError(
        f"round {declaration.id} says nothing of the effect of {wanted}{nearest(wanted, pairs)}; value {declared.id} "
        "names both as `innovation` and `measure`"
    )


def _measure_of(workspace: Workspace, impact: Insight) -> Measure:
    for measure in workspace.library.versions(impact.measure.split(" ")[0]):
        if str(measure.ref) == impact.measure:
            return measure
    raise DefinitionError(f"the library has no {impact.measure} any more; the round was published from another library")
