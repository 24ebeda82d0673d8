"""The library: measures, code lists, cohorts, groupings, schedules and innovations, as YAML by people and reviewed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from rounds.errors import DefinitionError
from rounds.measures.codelists import CodeList
from rounds.measures.cohorts.cohort import Cohort
from rounds.measures.definitions import Measure
from rounds.measures.groupings import Grouping
from rounds.measures.person_scores import PersonScore
from rounds.measures.schedules import Schedule
from rounds.measures.score_levels import bands_of, whole_of
from rounds.measures.scores import Score
from rounds.measures.standards import Standard
from rounds.network.innovations import Innovation
from rounds.storage.cohort_files import CohortFile
from rounds.storage.defined import Defined
from rounds.storage.grouping_files import GroupingFile, LookUps
from rounds.storage.library_files import CodeListFile, InnovationFile, MeasureFile
from rounds.storage.schedule_files import ScheduleFile
from rounds.storage.score_files import ScoreFile
from rounds.storage.standard_files import StandardFile
from rounds.storage.suggestions import nearest
from rounds.storage.yaml_files import read_yaml

AnyScore = Score | PersonScore
T = TypeVar("T", CodeList, Grouping, Standard, AnyScore, Schedule, Cohort, Measure, Innovation)
F = TypeVar(
    "F", CodeListFile, GroupingFile, StandardFile, ScoreFile, ScheduleFile, CohortFile, MeasureFile, InnovationFile
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """Every definition that may be asked about, each sorted by id and version."""

    measures: tuple[Measure, ...]
    code_lists: tuple[CodeList, ...]
    groupings: tuple[Grouping, ...]
    standards: tuple[Standard, ...]
    scores: tuple[Score, ...]
    person_scores: tuple[PersonScore, ...]
    innovations: tuple[Innovation, ...]
    cohorts: tuple[Cohort, ...] = ()
    schedules: tuple[Schedule, ...] = ()

    def measure(self, id: str, version: int) -> Measure:  # noqa: A002  the word the files use
        """Return a measure, or a band of the score table of one, such as `news2-before-death-at-7`.

        Raises:
            DefinitionError: naming the nearest id, or the versions there are.
        """
        whole = whole_of(id)
        if whole in {measure.id for measure in self.measures} - {id}:
            for band in bands_of(self.measure(str(whole), version)):
                if band.id == id:
                    return band
        same_id = self.versions(id)
        for measure in same_id:
            if measure.version == version:
                return measure
        versions = ", ".join(str(measure.version) for measure in same_id)
        raise DefinitionError(f"measure {id} has no version {version} in the library; there is version {versions}")

    def versions(self, id: str) -> tuple[Measure, ...]:  # noqa: A002  the word the files use
        """Return every version of a measure, the oldest first.

        Raises:
            DefinitionError: naming the nearest id.
        """
        found = tuple(measure for measure in self.measures if measure.id == id)
        if not found:
            ids = [measure.id for measure in self.measures]
            raise DefinitionError(f"measure `{id}` is not in the library{nearest(id, ids)}")
        return found

    def cohort(self, id: str) -> Cohort:  # noqa: A002  the word the files use
        """Return a cohort by its id, or its id and version such as "stroke v2" where there are several versions.

        Raises:
            DefinitionError: naming the nearest id, or the versions there are.
        """
        return Defined(code_lists=(), cohorts=self.cohorts).cohort(id)

    def innovation(self, id: str) -> Innovation:  # noqa: A002  the word the files use
        """Return an innovation.

        Raises:
            DefinitionError: naming the nearest id.
        """
        for innovation in self.innovations:
            if innovation.id == id:
                return innovation
        ids = [innovation.id for innovation in self.innovations]
        raise DefinitionError(f"innovation `{id}` is not in the library{nearest(id, ids)}")


def read_library(*folders: Path, look_ups: Path | None = None) -> Library:
    """Return everything in library folders: measures, code lists, groupings, cohorts, scores and innovations.

    A later folder adds to an earlier one and overrides nothing: the same id and version may come twice only if both say
    exactly the same. A measure may use a code list or a cohort of any of the folders.

    Args:
        folders: library folders, for example `shipped_library_folder()` and a network's own.
        look_ups: where a site says which of its wards, care sites or areas belong to which level: `<grouping>.csv`
            with the columns value and level.

    Raises:
        DefinitionError: one line for each problem, over all files.
    """
    for folder in folders:
        if not folder.is_dir():
            raise DefinitionError(f"{folder}: there is no such library folder; create it or correct its name")
    problems: list[str] = []
    code_lists = _gather(folders, "codelists", CodeListFile, lambda file, _: file.to_code_list(), problems)
    tables = LookUps(library=tuple(folder / "groupings" for folder in folders), site=look_ups)
    groupings = _gather(
        folders, "groupings", GroupingFile, lambda file, _: file.to_grouping(tables), problems, context=tables
    )
    standards = _gather(folders, "standards", StandardFile, lambda file, _: file.to_standard(), problems)
    _stop_at(problems)
    cohorts = _gather(
        folders, "cohorts", CohortFile, lambda file, path: file.to_cohort(path.parent), problems, beside=True
    )
    _stop_at(problems)
    defined = Defined(code_lists=code_lists, cohorts=cohorts, groupings=groupings, standards=standards)
    scores = _gather(folders, "scores", ScoreFile, lambda file, _: file.to_score(defined), problems, context=defined)
    _stop_at(problems)
    of_observations = tuple(one for one in scores if isinstance(one, Score))
    of_people = tuple(one for one in scores if isinstance(one, PersonScore))
    defined = replace(defined, scores=of_observations, person_scores=of_people)
    schedules = _gather(
        folders, "schedules", ScheduleFile, lambda file, _: file.to_schedule(defined), problems, context=defined
    )
    measures = _gather(
        folders, "measures", MeasureFile, lambda file, _: file.to_measure(defined), problems, context=defined
    )
    innovations = _gather(folders, "innovations", InnovationFile, lambda file, _: file.to_innovation(), problems)
    _stop_at(problems)
    return Library(
        measures=measures,
        code_lists=code_lists,
        groupings=groupings,
        standards=standards,
        scores=of_observations,
        person_scores=of_people,
        innovations=innovations,
        cohorts=cohorts,
        schedules=schedules,
    )


def shipped_library_folder() -> Path:
    """Return the library that comes with Rounds: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    for candidate in (package / "library", package.parents[1] / "library"):
        if (candidate / "measures").is_dir():
            return candidate
    raise DefinitionError(f"the library that ships with Rounds is missing beside {package}; install Rounds again")


def _gather(
    folders: Iterable[Path],
    kind: str,
    model: type[F],
    convert: Callable[[F, Path], T],
    problems: list[str],
    *,
    context: object = None,
    beside: bool = False,
) -> tuple[T, ...]:
    found: dict[str, tuple[T, Path]] = {}
    for path in (path for folder in folders for path in _files(folder / kind, problems, beside=beside)):
        try:
            file = read_yaml(path, model, context=path.parent if beside else context)
        except DefinitionError as error:
            problems.append(str(error))
            continue
        try:
            item = convert(file, path)
        except DefinitionError as error:
            problems.append(f"{path}: {error}")
            continue
        name = _name_of(item)
        first, where = found.setdefault(name, (item, path))
        if first != item:
            problems.append(f"{path}: {name} is defined differently in {where}; give the changed one a new version")
    return tuple(item for item, _ in sorted(found.values(), key=lambda pair: _order_of(pair[0])))


def _files(folder: Path, problems: list[str], *, beside: bool) -> list[Path]:
    if not folder.is_dir():
        return []
    for stray in sorted(folder.iterdir()):
        if stray.suffix == ".yml" or (stray.suffix == ".json" and not beside):
            problems.append(f"{stray}: definitions end in .yaml; rename or remove this file")
    return sorted(folder.glob("*.yaml"))


def _stop_at(problems: list[str]) -> None:
    if problems:
        raise DefinitionError("\n".join(problems))


def _name_of(item: CodeList | Grouping | Standard | AnyScore | Schedule | Cohort | Measure | Innovation) -> str:
    match item:
        case Measure():
            return f"measure {item.id} v{item.version}"
        case CodeList():
            return f"code list {item.id} v{item.version}"
        case Standard():
            return f"standard population {item.id} v{item.version}"
        case Grouping():
            return f"grouping {item.id} v{item.version}"
        case Score() | PersonScore():
            return f"score {item.id} v{item.version}"
        case Schedule():
            return f"schedule {item.id} v{item.version}"
        case Cohort():
            return f"cohort {item}"
        case Innovation():
            return f"innovation {item.id}"


def _order_of(
    item: CodeList | Grouping | Standard | AnyScore | Schedule | Cohort | Measure | Innovation,
) -> tuple[str, int]:
    return (item.id, 0 if isinstance(item, Innovation) else item.version)
