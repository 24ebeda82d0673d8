"""A round as a Five Safes RO-Crate: its project, people, plan, inputs, run, reviews and files.

Every day in it is that of a message, written as its midnight in UTC, for the profile wants a time and nobody keeps one.

Source: Five Safes RO-Crate profile 0.4, https://w3id.org/5s-crate/0.4
"""

import uuid
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from rounds.measures.definitions import Measure
from rounds.reports.crate.record import OutputFile, RoundRecord
from rounds.reports.crate.reviews import COMPLETED, at, measure_id, reviews
from rounds.reports.crate.workflow import FOLDER, PLAN, WORKFLOW_PROFILE, terms

CONTEXT: Final = "https://w3id.org/ro/crate/1.2/context"
RO_CRATE: Final = "https://w3id.org/ro/crate/1.2"
PROFILE: Final = "https://w3id.org/5s-crate/0.4"
METADATA: Final = "ro-crate-metadata.json"

Entity = dict[str, Any]

_FORMATS: Final = {
    "css": "text/css",
    "html": "text/html",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_NAMES: Final = {
    "index.html": "Overview",
    "insights.json": "All insights",
    "insights.xlsx": "All statements and tables",
    "round.json": "What the outputs were made from",
    "style.css": "Style sheet of the pages",
    FOLDER + PLAN: "Plan of the round",
    FOLDER + METADATA: "Description of the plan",
}


def round_crate(record: RoundRecord, files: Sequence[OutputFile]) -> dict[str, Any]:
    """Return the record of a round as JSON-LD. The same round gives the same value.

    Args:
        record: what the centre holds of the round.
        files: everything that lies in the folder of the outputs but the record itself, in any order.
    """
    listed = [_file(file) for file in sorted(files, key=lambda file: file.path)]
    plan = [one for one in listed if one["@id"].startswith(FOLDER)]
    outputs = [one for one in listed if one not in plan]
    inputs = _inputs(record)
    run = _run(record, inputs=inputs, outputs=outputs)
    actions, actors = reviews(record, profile=PROFILE)
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"{record.network_name}: {record.title}",
        "description": (
            f"Outputs of round {record.round_id} and how they came about. Days are those of messages, written as "
            "midnight in UTC. No record of a patient and no count is in this file."
        ),
        "conformsTo": {"@id": PROFILE},
        "datePublished": record.answered.isoformat(),
        "license": {"@id": "#terms-of-use"},
        "publisher": {"@id": "#centre"},
        "sourceOrganization": {"@id": "#project"},
        "mainEntity": {"@id": FOLDER},
        "hasPart": [*_refs(outputs), {"@id": FOLDER}],
        "mentions": _refs([run, *actions]),
    }
    graph = [
        {
            "@id": METADATA,
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": {"@id": RO_CRATE},
        },
        root,
        {"@id": PROFILE, "@type": ["CreativeWork", "Profile"], "name": "Five Safes RO-Crate profile", "version": "0.4"},
        terms(record),
        *_people(record),
        _workflow(record, plan),
        *inputs,
        *_parameters(),
        run,
        *actions,
        *actors,
        *listed,
    ]
    return {"@context": CONTEXT, "@graph": graph}


def _people(record: RoundRecord) -> list[Entity]:
    """Return the project, who asked, the centre and the members."""
    members = [
        {
            "@id": f"#member-{quote(member.ods_code, safe='')}",
            "@type": "Organization",
            "name": member.name,
            "identifier": member.ods_code,
        }
        for member in record.membership.members
    ]
    project = {
        "@id": "#project",
        "@type": "Project",
        "name": record.network_name,
        "identifier": record.network_id,
        "member": [{"@id": "#centre"}, *_refs(members)],
    }
    asking = {
        "@id": "#requesting-agent",
        "@type": "Person",
        "name": record.asked_by or "Whoever declared the round; the centre names nobody",
        "affiliation": {"@id": "#centre"},
        "memberOf": {"@id": "#project"},
    }
    centre = {"@id": "#centre", "@type": "Organization", "name": f"Centre of {record.network_name}"}
    return [project, asking, centre, *members]


def _workflow(record: RoundRecord, plan: Sequence[Entity]) -> Entity:
    return {
        "@id": FOLDER,
        "@type": "Dataset",
        "name": f"Plan of round {record.round_id}",
        "description": "Which registered measures each site is asked for, over which days. It holds no code.",
        "conformsTo": {"@id": WORKFLOW_PROFILE},
        "datePublished": record.asked.isoformat(),
        "hasPart": _refs(plan),
    }


def _inputs(record: RoundRecord) -> list[Entity]:
    days = (("first", record.first), ("last", record.last), ("as-of", record.as_of))
    return [
        *(_measure(measure) for measure in record.measures),
        *(
            {
                "@id": f"#day-{name}",
                "@type": "PropertyValue",
                "name": name,
                "value": day.isoformat(),
                "exampleOfWork": {"@id": f"#parameter-{name}"},
            }
            for name, day in days
        ),
    ]


def _measure(measure: Measure) -> Entity:
    return {
        "@id": measure_id(measure.id, measure.version),
        "@type": ["CreativeWork", "PropertyValue"],
        "name": measure.title,
        "identifier": measure.id,
        "version": str(measure.version),
        "propertyID": "SHA-256 of the meaning of the measure",
        "value": measure.digest,
        "exampleOfWork": {"@id": "#parameter-measure"},
    }


def _parameters() -> list[Entity]:
    said = {
        "measure": "A registered measure, by id, version and digest",
        "first": "First day that is counted",
        "last": "Last day that is counted",
        "as-of": "The day that the records reach",
    }
    return [
        {
            "@id": f"#parameter-{name}",
            "@type": "FormalParameter",
            "name": name,
            "description": description,
            "additionalType": "PropertyValue" if name == "measure" else "Date",
        }
        for name, description in said.items()
    ]


def _run(record: RoundRecord, *, inputs: Sequence[Entity], outputs: Sequence[Entity]) -> Entity:
    return {
        "@id": f"#run-{uuid.uuid5(uuid.NAMESPACE_OID, record.inputs)}",
        "@type": "CreateAction",
        "name": f"Round {record.round_id} of {record.network_name}: {record.title}",
        "description": (
            f"{len(record.answers)} of the {len(record.sites)} sites asked are in it. Made by Rounds "
            f"{record.code_version}."
        ),
        "identifier": record.inputs,
        "actionStatus": COMPLETED,
        "startTime": at(record.asked),
        "endTime": at(record.answered),
        "agent": {"@id": "#requesting-agent"},
        "instrument": {"@id": FOLDER},
        "object": _refs(inputs),
        "result": _refs(outputs),
    }


def _file(file: OutputFile) -> Entity:
    page, _, suffix = file.path.rpartition(".")
    kind = _FORMATS.get(suffix, "application/octet-stream")
    return {
        "@id": quote(file.path),
        "@type": "File",
        "name": _NAMES.get(file.path, f"Page {page}"),
        "encodingFormat": "application/ld+json" if file.path.endswith(METADATA) else kind,
        "contentSize": str(file.size),
        "sha256": file.sha256,
    }


def _refs(entities: Sequence[Entity]) -> list[Entity]:
    return [{"@id": entity["@id"]} for entity in entities]
