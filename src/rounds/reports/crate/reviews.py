"""The reviews of a round, phase by phase: checked, validated, signed off, disclosure-controlled, received, published.

What a review shows is what the centre holds: a reply that is there was let go by its site, under the rule it names.
Who at the site approved it stays at the site.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from urllib.parse import quote

from rounds.disclosure.policy import Policy, Terms, in_words
from rounds.reports.crate.record import AnswerRecord, RoundRecord, SiteRecord
from rounds.reports.crate.workflow import FOLDER

COMPLETED: Final = "http://schema.org/CompletedActionStatus"
POTENTIAL: Final = "http://schema.org/PotentialActionStatus"
SHP: Final = "https://w3id.org/shp#"
SHA256: Final = "https://www.iana.org/assignments/named-information#sha-256"
ED25519: Final = "https://www.rfc-editor.org/rfc/rfc8032"

_CENTRE: Final = {"@id": "#centre"}
_ROOT: Final = {"@id": "./"}
Entity = dict[str, Any]


def at(day: date) -> str:
    """Return a day as the profile wants it: a time with its zone (RFC 3339)."""
    return f"{day.isoformat()}T00:00:00Z"


def measure_id(measure: str, version: int) -> str:
    """Return how the record names a measure."""
    return f"#measure-{quote(measure, safe='')}-v{version}"


def reviews(record: RoundRecord, *, profile: str) -> tuple[list[Entity], list[Entity]]:
    """Return the actions of all phases in their order, and whom and what they name beside the round's own entities.

    Args:
        record: what the centre holds of the round.
        profile: the entity of the profile that the record was validated against.
    """
    answered = [(site.site, site.answer) for site in record.sites if site.answer is not None]
    validated = {
        "@id": "#validation",
        "@type": "AssessAction",
        "additionalType": {"@id": f"{SHP}ValidationCheck"},
        "name": "Validation against the Five Safes RO-Crate profile: its rules are met",
        "object": _ROOT,
        "instrument": {"@id": profile},
        "agent": _CENTRE,
        "actionStatus": COMPLETED,
        "endTime": at(record.answered),
    }
    published = {
        "@id": "#publishing",
        "@type": "UpdateAction",
        "additionalType": {"@id": f"{SHP}GenerateCheckValue"},
        "name": "Publishing: the SHA-256 of every file was written into this record",
        "object": _ROOT,
        "instrument": {"@id": SHA256},
        "agent": _CENTRE,
        "actionStatus": COMPLETED,
        "startTime": at(record.answered),
    }
    actions = [
        *(_sign_off(site) for site in record.sites),
        *(action for site, answer in answered for action in _disclosure(site, answer)),
        *(_received(site, answer) for site, answer in answered),
        *(_checked(site, answer) for site, answer in answered),
        validated,
        published,
    ]
    return actions, [*_parties(record), *_replies(answered), *_rules(answered), *_methods()]


def _sign_off(site: SiteRecord) -> Entity:
    answer = site.answer
    outcome = "approved by the site" if answer else "no answer of the site is in this round"
    action: Entity = {
        "@id": f"#sign-off-{site.site}",
        "@type": "AssessAction",
        "additionalType": {"@id": f"{SHP}SignOff"},
        "name": f"Sign-off of the round at {site.site}: {outcome}",
        "object": [_ROOT, {"@id": FOLDER}, {"@id": "#project"}],
        "instrument": {"@id": f"#agreements-{site.site}"},
        "agent": {"@id": f"#site-{site.site}"},
        "actionStatus": COMPLETED if answer else POTENTIAL,
        "startTime": at(site.asked),
    }
    return action | ({"endTime": at(answer.issued)} if answer else {})


def _disclosure(site: str, answer: AnswerRecord) -> list[Entity]:
    return [
        {
            "@id": f"#disclosure-{site}-{quote(ref.id, safe='')}-v{ref.version}",
            "@type": "AssessAction",
            "additionalType": {"@id": f"{SHP}DisclosureCheck"},
            "name": f"Disclosure control of {ref} at {site}: released under rule `{rule}`",
            "object": [_ROOT, {"@id": f"#reply-{site}"}, {"@id": measure_id(ref.id, ref.version)}],
            "instrument": {"@id": f"#rule-{rule}"},
            "agent": {"@id": f"#site-{site}"},
            "actionStatus": COMPLETED,
            "endTime": at(answer.issued),
        }
        for ref, rule in answer.rules
    ]


def _received(site: str, answer: AnswerRecord) -> Entity:
    return {
        "@id": f"#receiving-{site}",
        "@type": "ReceiveAction",
        "name": f"The centre received the reply of {site}",
        "object": {"@id": f"#reply-{site}"},
        "sender": {"@id": f"#site-{site}"},
        "agent": _CENTRE,
        "actionStatus": COMPLETED,
        "startTime": at(answer.issued),
    }


def _checked(site: str, answer: AnswerRecord) -> Entity:
    return {
        "@id": f"#check-{site}",
        "@type": "AssessAction",
        "additionalType": {"@id": f"{SHP}CheckValue"},
        "name": f"Check of the reply of {site}: it is signed by the site and answers what was asked",
        "object": [_ROOT, {"@id": f"#reply-{site}"}],
        "instrument": {"@id": ED25519},
        "agent": _CENTRE,
        "actionStatus": COMPLETED,
        "endTime": at(answer.issued),
    }


def _parties(record: RoundRecord) -> list[Entity]:
    sites = [
        {"@id": f"#site-{site.site}", "@type": "Organization", "name": f"Secure data facility {site.site}"}
        for site in record.sites
    ]
    agreed = [
        {
            "@id": f"#agreements-{site.site}",
            "@type": "CreativeWork",
            "name": f"Agreements, approvals and policy of {site.site}",
        }
        for site in record.sites
    ]
    return [*sites, *agreed]


def _replies(answered: Sequence[tuple[str, AnswerRecord]]) -> list[Entity]:
    return [
        {
            "@id": f"#reply-{site}",
            "@type": "CreativeWork",
            "name": f"Signed reply of {site}",
            "description": "Kept by the centre; the identifier is the SHA-256 of what it says, as both logs tell it.",
            "identifier": answer.digest,
            "dateCreated": answer.issued.isoformat(),
            "creator": {"@id": f"#site-{site}"},
        }
        for site, answer in answered
    ]


def _rules(answered: Sequence[tuple[str, AnswerRecord]]) -> list[Entity]:
    used = {rule for _, answer in answered for _, rule in answer.rules}
    return [
        {"@id": f"#rule-{rule}", "@type": "CreativeWork", "name": f"Rule `{rule}`", "description": _said(rule)}
        for rule in Policy
        if rule in used
    ]


def _said(rule: Policy) -> str:
    if rule is Policy.NOISE:
        return "Every number has noise added, drawn once and kept; how much follows from the site's yearly budget."
    words = in_words(Terms(rule=rule))
    return f"{words[0].upper()}{words[1:]}." + (" A site may be stricter." if rule is Policy.HES else "")


def _methods() -> list[Entity]:
    return [
        {"@id": ED25519, "@type": "DefinedTerm", "name": "Ed25519 signature (RFC 8032)"},
        {"@id": SHA256, "@type": "DefinedTerm", "name": "sha-256 algorithm"},
    ]
