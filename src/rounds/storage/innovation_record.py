"""An innovation's record of the NHS Innovation Service (JSON) read into the pipeline's tables.

The record's fields are those of the service's published schema, versions 202304 and 202407. What maps and what does not
stands in docs/pipeline.md.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rounds.errors import DefinitionError
from rounds.network.pipeline import Approval, Design, Evidence, Pipeline, PipelineInnovation, Regulatory, ValueClaim

SECTIONS: Final = (
    "INNOVATION_DESCRIPTION",
    "UNDERSTANDING_OF_NEEDS",
    "EVIDENCE_OF_EFFECTIVENESS",
    "REGULATIONS_AND_STANDARDS",
    "COST_OF_INNOVATION",
)
PATIENTS: Final[Mapping[str, tuple[float, float]]] = {
    "UP_10000": (0.0, 10_000.0),
    "BETWEEN_10000_500000": (10_000.0, 500_000.0),
    "MORE_THAN_500000": (500_000.0, 60_000_000.0),
}
"""`patientsRange`; above half a million the whole of England is the most."""
DESIGNS: Final[Mapping[str, Design]] = {
    "RANDOMISED_CONTROLLED_TRIAL": Design.RANDOMISED,
    "NON_RANDOMISED_COMPARATIVE_DATA": Design.CONTROLLED,
    "NON_RANDOMISED_NON_COMPARATIVE_DATA": Design.OBSERVATIONAL,
}
"""`evidenceType`; published data, conferences and other say where, not how, and are not stated."""
STATUSES: Final[Mapping[str, Approval]] = {
    "YES": Approval.HELD,
    "IN_PROGRESS": Approval.IN_PROGRESS,
    "NOT_YET": Approval.NOT_STARTED,
}
STANDARDS: Final[Mapping[str, str]] = {
    "CE_UKCA_NON_MEDICAL": "CE/UKCA non-medical",
    "CE_UKCA_CLASS_I": "CE/UKCA class I",
    "CE_UKCA_CLASS_II_A": "CE/UKCA class IIa",
    "CE_UKCA_CLASS_II_B": "CE/UKCA class IIb",
    "CE_UKCA_CLASS_III": "CE/UKCA class III",
    "IVD_GENERAL": "IVD general",
    "IVD_SELF_TEST": "IVD self-test",
    "IVD_ANNEX_LIST_A": "IVD annex II list A",
    "IVD_ANNEX_LIST_B": "IVD annex II list B",
    "MARKETING": "Marketing authorisation",
    "CQC": "CQC registration",
    "DTAC": "DTAC",
    "OTHER": "Other standard",
}
COSTS: Final[Mapping[str, str]] = {
    "CHEAPER": "cheaper to buy than what is done now",
    "COSTS_MORE_WITH_SAVINGS": "costs more to buy, and saves more than that",
    "COSTS_MORE": "costs more to buy, with benefits that save nothing",
}


def read_innovation_record(path: Path) -> Pipeline:
    """Return what a record of the NHS Innovation Service says, as one innovation of a pipeline.

    Raises:
        DefinitionError: if the file is no such record, or a field is not what the schema says.
    """
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DefinitionError(f"{path}: there is no such file; correct its name") from None
    except (ValueError, RecursionError):
        raise DefinitionError(f"{path.name}: this is not JSON; export the innovation record as JSON") from None
    if isinstance(document, dict) and isinstance(document.get("document"), dict):
        document = document["document"]
    if not isinstance(document, dict) or not isinstance(document.get("INNOVATION_DESCRIPTION"), dict):
        raise DefinitionError(
            f"{path.name}: this is no innovation record; it needs a section INNOVATION_DESCRIPTION with a name"
        )
    sections = {name: _mapping(path, document, name) for name in SECTIONS}
    about = sections["INNOVATION_DESCRIPTION"]
    title = _text(path, about, "name")
    if not title:
        raise DefinitionError(f"{path.name}, INNOVATION_DESCRIPTION, name: it is empty; fill it in")
    own_id = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    needs, costs = sections["UNDERSTANDING_OF_NEEDS"], sections["COST_OF_INNOVATION"]
    people = PATIENTS.get(_text(path, costs, "patientsRange"))
    innovation = PipelineInnovation(
        id=own_id or "innovation",
        title=title,
        owner="not stated",
        description=_text(path, about, "description"),
        need_stated=_text(path, needs, "problemsTackled"),
        need_by="the innovator, in the NHS Innovation Service",
        people_lower=people[0] if people else None,
        people_upper=people[1] if people else None,
    )
    return Pipeline(
        innovations=(innovation,),
        evidence=_evidence(path, document, innovation.id),
        regulatory=_regulatory(path, sections["REGULATIONS_AND_STANDARDS"], innovation.id),
        value=_value(path, costs, innovation.id),
    )


def _evidence(path: Path, document: Mapping[str, Any], innovation: str) -> tuple[Evidence, ...]:
    found = []
    for number, one in enumerate(_listed(path, document, "evidences"), start=1):
        summary = _text(path, one, "summary")
        study = _text(path, one, "description") or f"evidence {number}"
        design = DESIGNS.get(_text(path, one, "evidenceType"), Design.NOT_STATED)
        kind = _text(path, one, "evidenceSubmitType").replace("_", " ").lower()
        found.append(
            Evidence(innovation=innovation, study=study, design=design, finding=summary or "not stated", source=kind)
        )
    return tuple(found)


def _regulatory(path: Path, section: Mapping[str, Any], innovation: str) -> tuple[Regulatory, ...]:
    found = []
    for one in _listed(path, section, "standards"):
        kind, met = _text(path, one, "type"), _text(path, one, "hasMet")
        if kind not in STANDARDS:
            raise DefinitionError(f"{path.name}, REGULATIONS_AND_STANDARDS, standards: unknown type {kind[:40]}")
        if kind == "OTHER":
            named = _text(path, section, "otherRegulationDescription") or STANDARDS[kind]
        else:
            named = STANDARDS[kind]
        if met in STATUSES:
            found.append(Regulatory(innovation=innovation, kind=named, status=STATUSES[met]))
    if _text(path, section, "hasRegulationKnowledge") == "NOT_RELEVANT":
        found.append(Regulatory(innovation=innovation, kind="any", status=Approval.NOT_NEEDED))
    return tuple(found)


def _value(path: Path, costs: Mapping[str, Any], innovation: str) -> tuple[ValueClaim, ...]:
    says = COSTS.get(_text(path, costs, "costComparison"))
    basis = _text(path, costs, "costDescription")
    if says is None and not basis:
        return ()
    return (ValueClaim(innovation=innovation, says=says or "its cost", by="the innovator", basis=basis),)


def _mapping(path: Path, document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name) or {}
    if not isinstance(found, dict):
        raise DefinitionError(f"{path.name}, {name}: this should be a section with fields")
    return found


def _listed(path: Path, section: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    found = section.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise DefinitionError(f"{path.name}, {name}: this should be a list")
    return found


def _text(path: Path, section: Mapping[str, Any], name: str) -> str:
    found = section.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise DefinitionError(f"{path.name}, {name}: this should be a text")
    return " ".join(found.split())
