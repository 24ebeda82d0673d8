"""The plan of a round as a Workflow RO-Crate of its own, in a folder of the outputs.

Source: Workflow RO-Crate profile 1.0, https://w3id.org/workflowhub/workflow-ro-crate/1.0
"""

from typing import Any

from rounds.reports.crate.record import RoundRecord

FOLDER = "workflow/"
PLAN = "plan.json"
WORKFLOW_PROFILE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"

_RO_CRATE = "https://w3id.org/ro/crate/1.1"
_JSON = "https://www.rfc-editor.org/rfc/rfc8259"


def terms(record: RoundRecord) -> dict[str, Any]:
    """Return the entity that says on which terms the outputs may be used."""
    return {
        "@id": "#terms-of-use",
        "@type": "CreativeWork",
        "name": f"Terms of use of {record.network_name}",
        "description": "The network decides how its outputs may be used. This record grants nothing beyond that.",
    }


def workflow_crate(record: RoundRecord) -> dict[str, Any]:
    """Return the metadata of the folder that holds the plan, as JSON-LD."""
    language = {
        "@id": _JSON,
        "@type": "ComputerLanguage",
        "name": "JSON",
        "description": "Names of registered measures, sites, members and days. A plan holds no code.",
        "url": {"@id": _JSON},
        "version": "RFC 8259",
    }
    graph = [
        {
            "@id": "ro-crate-metadata.json",
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": [{"@id": _RO_CRATE}, {"@id": WORKFLOW_PROFILE}],
        },
        {
            "@id": "./",
            "@type": "Dataset",
            "name": f"Plan of round {record.round_id}",
            "description": f"What round {record.round_id} of {record.network_name} asks of which site: {record.title}.",
            "datePublished": record.asked.isoformat(),
            "license": {"@id": "#terms-of-use"},
            "hasPart": [{"@id": PLAN}],
            "mainEntity": {"@id": PLAN},
        },
        {
            "@id": PLAN,
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": f"Plan of round {record.round_id}",
            "encodingFormat": "application/json",
            "programmingLanguage": {"@id": _JSON},
        },
        language,
        terms(record),
    ]
    return {"@context": f"{_RO_CRATE}/context", "@graph": graph}
