"""What is wrong with the record of a round: the rules it must keep, and the files it must still describe.

Sources: Five Safes RO-Crate profile 0.4, https://w3id.org/5s-crate/0.4 (every MUST that is about the metadata file);
RO-Crate 1.2, https://w3id.org/ro/crate/1.2 (root data entity, data entities, flattened JSON-LD).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import unquote

from rounds.reports.crate.describe import METADATA
from rounds.reports.crate.record import OutputFile

Entity = Mapping[str, Any]

_CONTEXT: Final = re.compile(r"https://w3id\.org/ro/crate/1\.[2-9](-DRAFT)?/context")
_VERSION: Final = re.compile(r"https://w3id\.org/ro/crate/1\.[2-9](-DRAFT)?")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_WORKFLOW: Final = "https://w3id.org/workflowhub/workflow-ro-crate"
_STATES: Final = {f"http://schema.org/{state}ActionStatus" for state in ("Potential", "Active", "Completed", "Failed")}
_SHORTEST_NAME: Final = 10


@dataclass(frozen=True, slots=True)
class _Graph:
    """The entities of a record by id."""

    entities: Mapping[str, Entity]

    def named(self, entity: Entity, name: str) -> list[Entity]:
        """Return the entities that a property names and that are there."""
        return [self.entities[one] for one in _ids(entity.get(name)) if one in self.entities]

    def all(self, kind: str) -> list[Entity]:
        return [entity for entity in self.entities.values() if kind in _kinds(entity)]


def crate_problems(document: object) -> tuple[str, ...]:
    """Return what breaks a rule in the record of a round, as sentences; empty if nothing does.

    Args:
        document: the JSON in `ro-crate-metadata.json`.
    """
    if not isinstance(document, dict) or not isinstance(document.get("@graph"), list):
        return ("it is not an RO-Crate: there is no @graph",)
    shape = [*_shape(document)]
    if shape:
        return tuple(shape)
    graph = _Graph({entity["@id"]: entity for entity in document["@graph"]})
    missing = [name for name in (METADATA, "./") if name not in graph.entities]
    if missing:
        return tuple(f"entity {name} is missing" for name in missing)
    root = graph.entities["./"]
    return (*_descriptor(graph), *_root(graph, root), *_run(graph, root), *_actions(graph, root), *_data(graph, root))


def file_problems(document: object, files: Iterable[OutputFile]) -> tuple[str, ...]:
    """Return the files that are not what the record of a round says, as sentences; empty if all are.

    Args:
        document: the JSON in `ro-crate-metadata.json`, without problems of its own.
        files: what lies in the folder, but the record itself.
    """
    graph = document["@graph"] if isinstance(document, dict) else []
    listed = {unquote(entity["@id"]): entity for entity in graph if "File" in _kinds(entity)}
    found = {file.path: file for file in files}
    problems = [f"{path} is missing" for path in sorted(listed.keys() - found.keys())]
    problems += [f"{path} is not in the record" for path in sorted(found.keys() - listed.keys())]
    for path in sorted(listed.keys() & found.keys()):
        said, file = listed[path], found[path]
        if (said.get("contentSize"), said.get("sha256")) != (str(file.size), file.sha256):
            problems.append(f"{path} was changed after it was published")
    return tuple(problems)


def _shape(document: Mapping[str, Any]) -> Iterator[str]:
    context = document.get("@context")
    if not any(isinstance(one, str) and _CONTEXT.fullmatch(one) for one in _list(context)):
        yield "@context must name the context of RO-Crate 1.2 or later"
    seen: set[str] = set()
    for entity in document["@graph"]:
        name = entity.get("@id") if isinstance(entity, dict) else None
        if not isinstance(name, str) or not _kinds(entity):
            yield "an entity has no @id or no @type"
            continue
        if name in seen:
            yield f"entity {name} is there twice"
        seen.add(name)
        for key, value in entity.items():
            if any(isinstance(one, dict) and one.keys() not in ({"@id"}, {"@value"}) for one in _list(value)):
                yield f"entity {name}: {key} must name an entity, not hold one"


def _descriptor(graph: _Graph) -> Iterator[str]:
    descriptor = graph.entities[METADATA]
    if "CreativeWork" not in _kinds(descriptor) or _ids(descriptor.get("about")) != ["./"]:
        yield f"{METADATA} must be a CreativeWork about ./"
    if not any(_VERSION.fullmatch(one) for one in _ids(descriptor.get("conformsTo"))):
        yield f"{METADATA} must conform to RO-Crate 1.2 or later"


def _root(graph: _Graph, root: Entity) -> Iterator[str]:
    if "Dataset" not in _kinds(root):
        yield "./ must be a Dataset"
    yield from (f"./ must have a {name}" for name in ("name", "description", "license") if not root.get(name))
    try:
        date.fromisoformat(str(root.get("datePublished"))[:10])
    except ValueError:
        yield "./ must have a datePublished that is a date"
    projects = graph.named(root, "sourceOrganization")
    if not projects or any("Project" not in _kinds(one) for one in projects):
        yield "./ must have a sourceOrganization that is a Project"
    works = graph.named(root, "mainEntity")
    if len(_ids(root.get("mainEntity"))) != 1 or any("Dataset" not in _kinds(one) for one in works) or not works:
        yield "./ must have one mainEntity, and that must be a Dataset"
    for work in works:
        profiles = _ids(work.get("conformsTo"))
        if len(profiles) != 1 or not profiles[0].startswith(_WORKFLOW):
            yield f"{work['@id']} must conform to the profile of a Workflow RO-Crate, and to no other"


def _run(graph: _Graph, root: Entity) -> Iterator[str]:
    runs = [one for one in graph.named(root, "mentions") if "CreateAction" in _kinds(one)]
    if not runs:
        yield "./ must mention a CreateAction"
    for run in graph.all("CreateAction"):
        name = run["@id"]
        if _ids(run.get("instrument")) != _ids(root.get("mainEntity")):
            yield f"{name} must have the mainEntity of ./ as its instrument"
        agents = graph.named(run, "agent")
        if not agents or any("Person" not in _kinds(agent) for agent in agents):
            yield f"{name} must have a Person as its agent"
        for agent in agents:
            yield from _asking(graph, root, agent)
        if run.get("actionStatus") not in _STATES:
            yield f"{name} must have an actionStatus"
        for part in ("object", "result"):
            yield from (
                f"{name}: {part} {one} is no entity" for one in _ids(run.get(part)) if one not in graph.entities
            )
        handed_out = set(_parts(graph, root, set()))
        yield from (
            f"{one} is a result and must be part of ./" for one in _ids(run.get("result")) if one not in handed_out
        )


def _asking(graph: _Graph, root: Entity, agent: Entity) -> Iterator[str]:
    projects = _ids(agent.get("memberOf"))
    if any("Project" not in _kinds(one) for one in graph.named(agent, "memberOf")):
        yield f"{agent['@id']} must be memberOf a Project"
    if projects and not set(projects) & set(_ids(root.get("sourceOrganization"))):
        yield f"{agent['@id']} must be memberOf the project of ./"
    if any("Organization" not in _kinds(one) for one in graph.named(agent, "affiliation")):
        yield f"{agent['@id']} must have an Organization as its affiliation"
    for project in graph.named(agent, "memberOf"):
        if any(not {"Organization", "Person"} & _kinds(one) for one in graph.named(project, "member")):
            yield f"{project['@id']} must have members that are an Organization or a Person"


def _actions(graph: _Graph, root: Entity) -> Iterator[str]:
    mentioned = set(_ids(root.get("mentions")))
    for entity in graph.entities.values():
        name = entity["@id"]
        if not any(kind.endswith("Action") for kind in _kinds(entity)):
            continue
        if "AssessAction" in _kinds(entity) and name not in mentioned:
            yield f"./ must mention {name}"
        if not isinstance(entity.get("name"), str) or len(entity["name"]) < _SHORTEST_NAME:
            yield f"{name} must have a name that people can read"
        if "actionStatus" in entity and entity["actionStatus"] not in _STATES:
            yield f"{name} has an actionStatus that is none"
        for when in ("startTime", "endTime"):
            if when in entity and not _MOMENT.fullmatch(str(entity[when])):
                yield f"{name}: {when} must be a time with its zone (RFC 3339)"
        yield from (
            f"{name}: agent {one} is no entity" for one in _ids(entity.get("agent")) if one not in graph.entities
        )
        for agent in graph.named(entity, "agent"):
            if not agent.get("name"):
                yield f"{agent['@id']} must have a name"
            providers = graph.named(agent, "provider")
            acting = "SoftwareApplication" in _kinds(agent)
            if acting and not any("Organization" in _kinds(one) for one in providers):
                yield f"{agent['@id']} must have the Organization it acts for as its provider"


def _data(graph: _Graph, root: Entity) -> Iterator[str]:
    reached = set(_parts(graph, root, set()))
    for entity in graph.entities.values():
        name = entity["@id"]
        if not {"File", "Dataset"} & _kinds(entity) or name == "./":
            continue
        path = unquote(name)
        if re.match(r"[a-z][a-z0-9+.-]*:|[/#]", path, re.IGNORECASE) or "\\" in path or ".." in path.split("/"):
            yield f"{name} must lie within the folder of the record"
        if name not in reached:
            yield f"./ must have {name} as a part"


def _parts(graph: _Graph, entity: Entity, seen: set[str]) -> Iterator[str]:
    """Give the ids of everything that an entity has as a part, at any depth."""
    for name in _ids(entity.get("hasPart")):
        if name not in seen:
            seen.add(name)
            yield name
            yield from _parts(graph, graph.entities.get(name, {}), seen)


def _kinds(entity: Entity) -> set[str]:
    return {one for one in _list(entity.get("@type")) if isinstance(one, str)}


def _ids(value: object) -> list[str]:
    return [str(one["@id"]) for one in _list(value) if isinstance(one, dict) and "@id" in one]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]
