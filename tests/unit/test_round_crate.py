"""The record of a round keeps the rules of the Five Safes RO-Crate profile, and names a file that was changed."""

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import reports_fixture as given

from rounds.disclosure.policy import Policy
from rounds.errors import AuditError, RoundsError
from rounds.reports import record_file
from rounds.reports.crate.check import crate_problems, file_problems
from rounds.reports.crate.describe import round_crate
from rounds.reports.crate.record import AnswerRecord, OutputFile, RoundRecord, SiteRecord
from rounds.reports.crate.workflow import workflow_crate
from rounds.reports.record_file import RECORD, check_record, output_files, write_record

Crate = dict[str, Any]
REF = given.WAITS.ref


def _answered(day: int, digest: str, rule: Policy) -> AnswerRecord:
    return AnswerRecord(issued=date(2025, 5, day), digest=digest * 64, rules=((REF, rule),))


SITES = (
    SiteRecord(site="site-1", asked=date(2025, 5, 1), answer=_answered(3, "a", Policy.HES)),
    SiteRecord(site="site-2", asked=date(2025, 5, 2), answer=_answered(9, "b", Policy.NOISE)),
    SiteRecord(site="site-3", asked=date(2025, 5, 2), answer=None),
)
ROUND = RoundRecord(
    network_id="rivers",
    network_name="Three Rivers",
    membership=given.MEMBERSHIP,
    round_id="2024-12",
    title="Waits in 2024",
    asked_by="A. Analyst",
    first=date(2024, 1, 1),
    last=date(2024, 12, 31),
    as_of=date(2025, 1, 14),
    measures=(given.WAITS,),
    plan=b'{"round": "2024-12"}',
    inputs="c" * 64,
    sites=SITES,
    code_version="0.1.0",
)
FILES = tuple(
    OutputFile(path=path, size=len(path), sha256=f"{number}" * 64)
    for number, path in enumerate(
        (
            "index.html",
            "insights.xlsx",
            "measures/a measure.html",
            "workflow/plan.json",
            "workflow/ro-crate-metadata.json",
        )
    )
)
CRATE = round_crate(ROUND, FILES)
RUN = next(entity["@id"] for entity in CRATE["@graph"] if entity["@type"] == "CreateAction")

KNOWN = {
    "@id @type about actionStatus additionalType affiliation agent conformsTo contentSize creator dateCreated "
    "datePublished description encodingFormat endTime exampleOfWork hasPart identifier instrument license mainEntity "
    "member memberOf mentions name object propertyID publisher result sender sha256 sourceOrganization startTime value "
    "version",
    "AssessAction CreateAction CreativeWork Dataset DefinedTerm File FormalParameter Organization Person Profile "
    "Project PropertyValue ReceiveAction UpdateAction",
}
"""Properties and types that https://w3id.org/ro/crate/1.2/context defines. Any other would mean nothing to a reader."""


def _of(crate: Crate, name: str) -> Crate:
    return next(entity for entity in crate["@graph"] if entity["@id"] == name)


def _phase(kind: str) -> list[Crate]:
    wanted = {"@id": f"https://w3id.org/shp#{kind}"}
    return [entity for entity in CRATE["@graph"] if entity.get("additionalType") == wanted]


def _values(value: object) -> Iterator[object]:
    yield from value if isinstance(value, list) else [value]


def test_it_keeps_the_rules() -> None:
    assert crate_problems(CRATE) == ()
    assert file_problems(CRATE, FILES) == ()


def test_it_is_flat_and_whole_json_ld() -> None:
    names = [entity["@id"] for entity in CRATE["@graph"]]
    assert len(set(names)) == len(names)
    outside = set()
    for entity in CRATE["@graph"]:
        for key, value in entity.items():
            for one in _values(value):
                assert isinstance(one, str) or (isinstance(one, dict) and one.keys() == {"@id"}), (entity["@id"], key)
                if isinstance(one, dict) and one["@id"] not in names:
                    outside.add(one["@id"])
    assert all(
        name.startswith(("https://w3id.org/shp#", "https://w3id.org/ro/crate/", "https://w3id.org/workflowhub/"))
        for name in outside
    )


def test_its_words_are_words_of_ro_crate() -> None:
    known = {word for words in KNOWN for word in words.split()}
    used = {key for entity in CRATE["@graph"] for key in entity}
    types = {str(kind) for entity in CRATE["@graph"] for kind in _values(entity["@type"])}
    assert used | types <= known


def test_who_asked_whom_for_what_is_told() -> None:
    run, root = _of(CRATE, RUN), _of(CRATE, "./")
    assert _of(CRATE, run["agent"]["@id"])["name"] == "A. Analyst"
    assert _of(CRATE, root["sourceOrganization"]["@id"])["name"] == "Three Rivers"
    assert {"#centre", "#member-RX01", "#member-RX15"} <= {one["@id"] for one in _of(CRATE, "#project")["member"]}
    measure = _of(CRATE, run["object"][0]["@id"])
    assert (measure["identifier"], measure["version"], measure["value"]) == (REF.id, str(REF.version), REF.digest)
    days = {_of(CRATE, one["@id"])["name"]: _of(CRATE, one["@id"])["value"] for one in run["object"][1:]}
    assert days == {"first": "2024-01-01", "last": "2024-12-31", "as-of": "2025-01-14"}
    assert (run["startTime"], run["endTime"]) == ("2025-05-01T00:00:00Z", "2025-05-09T00:00:00Z")
    assert run["description"].startswith("2 of the 3 sites asked are in it.")
    assert "Made by Rounds 0.1.0" in run["description"]
    assert root["datePublished"] == "2025-05-09"


def test_where_the_centre_does_not_say_who_asked_nobody_is_named() -> None:
    crate = round_crate(replace(ROUND, asked_by=None), FILES)
    assert "names nobody" in _of(crate, "#requesting-agent")["name"]
    assert crate_problems(crate) == ()


def test_a_site_that_has_not_answered_is_told_as_that() -> None:
    ends = [(one["actionStatus"].rsplit("/", 1)[1], one.get("endTime", "")[:10]) for one in _phase("SignOff")]
    completed = "CompletedActionStatus"
    assert ends == [(completed, "2025-05-03"), (completed, "2025-05-09"), ("PotentialActionStatus", "")]
    assert not any("site-3" in one["@id"] for one in _phase("DisclosureCheck") + _phase("CheckValue"))


def test_the_rule_is_told_for_each_table() -> None:
    told = {one["@id"]: _of(CRATE, one["instrument"]["@id"])["description"] for one in _phase("DisclosureCheck")}
    assert told.keys() == {f"#disclosure-{site}-{REF.id}-v{REF.version}" for site in ("site-1", "site-2")}
    hes, noise = told.values()
    assert hes.startswith("0 is shown, 1 to 7 are withheld")
    assert hes.endswith("A site may be stricter.")
    assert "noise" in noise
    for rule in Policy:
        site = replace(SITES[0], answer=_answered(3, "a", rule))
        assert crate_problems(round_crate(replace(ROUND, sites=(site,)), FILES)) == ()


def test_replies_are_told_by_their_digest_and_checked() -> None:
    for check, digest in zip(_phase("CheckValue"), ("a", "b"), strict=True):
        assert _of(CRATE, check["object"][1]["@id"])["identifier"] == digest * 64
    assert [len(_phase(kind)) for kind in ("ValidationCheck", "GenerateCheckValue")] == [1, 1]
    assert sum(entity["@type"] == "ReceiveAction" for entity in CRATE["@graph"]) == 2


def test_the_same_round_gives_the_same_record() -> None:
    again = round_crate(replace(ROUND), tuple(reversed(FILES)))
    assert json.dumps(again) == json.dumps(CRATE)
    assert json.dumps(round_crate(replace(ROUND, inputs="d" * 64), FILES)) != json.dumps(CRATE)


def test_a_round_without_single_sites_has_a_record_of_the_day_of_its_records() -> None:
    crate = round_crate(replace(ROUND, sites=()), FILES)
    assert crate_problems(crate) == ()
    assert _of(crate, RUN)["endTime"] == "2025-01-14T00:00:00Z"
    asked = round_crate(replace(ROUND, sites=SITES[2:]), FILES)
    assert crate_problems(asked) == ()
    assert _of(asked, RUN)["endTime"] == "2025-05-02T00:00:00Z"


def test_the_plan_is_a_workflow_crate_of_its_own() -> None:
    crate = workflow_crate(ROUND)
    assert [one["@id"] for one in _of(crate, "ro-crate-metadata.json")["conformsTo"]][1].endswith(
        "workflow-ro-crate/1.0"
    )
    plan = _of(crate, _of(crate, "./")["mainEntity"]["@id"])
    assert {"File", "SoftwareSourceCode", "ComputationalWorkflow"} == set(plan["@type"])
    assert _of(crate, plan["programmingLanguage"]["@id"])["name"] == "JSON"


def _set(name: str, key: str, value: object) -> Callable[[Crate], object]:
    return lambda crate: _of(crate, name).update({key: value})


def _drop(name: str, key: str) -> Callable[[Crate], object]:
    return lambda crate: _of(crate, name).pop(key)


def _add(**entity: object) -> Callable[[Crate], object]:
    return lambda crate: crate["@graph"].append(
        {f"@{key}" if key in {"id", "type"} else key: value for key, value in entity.items()}
    )


CHECK = "#check-site-1"
PLAN = {"@id": "https://w3id.org/workflowhub/workflow-ro-crate/1.0"}
BROKEN: dict[str, tuple[Callable[[Crate], object], str]] = {
    "another context": (lambda crate: crate.update({"@context": "https://schema.org"}), "@context must name"),
    "an entity without a name": (lambda crate: crate["@graph"].append({"@type": "Person"}), "no @id or no @type"),
    "an entity that is none": (lambda crate: crate["@graph"].append("text"), "no @id or no @type"),
    "an entity twice": (_add(id="#centre", type="Organization"), "#centre is there twice"),
    "an entity within another": (_set(RUN, "agent", {"@id": "#x", "name": "X"}), "agent must name an entity, not hold"),
    "no descriptor": (lambda crate: crate["@graph"].pop(0), "ro-crate-metadata.json is missing"),
    "no root": (lambda crate: crate["@graph"].pop(1), "./ is missing"),
    "a descriptor of something else": (_set(RECORD, "about", {"@id": "#run"}), "must be a CreativeWork about ./"),
    "an old version": (_set(RECORD, "conformsTo", {"@id": "https://w3id.org/ro/crate/1.1"}), "RO-Crate 1.2 or later"),
    "a root of another kind": (_set("./", "@type", "CreativeWork"), "./ must be a Dataset"),
    "no licence": (_drop("./", "license"), "./ must have a license"),
    "no description": (_set("./", "description", ""), "./ must have a description"),
    "no day of publishing": (_set("./", "datePublished", "lately"), "datePublished that is a date"),
    "no project": (_drop("./", "sourceOrganization"), "sourceOrganization that is a Project"),
    "a project that is none": (_set("#project", "@type", "Organization"), "sourceOrganization that is a Project"),
    "no workflow": (_drop("./", "mainEntity"), "one mainEntity"),
    "two workflows": (_set("./", "mainEntity", [{"@id": "workflow/"}, {"@id": "#centre"}]), "one mainEntity"),
    "a workflow of two profiles": (_set("workflow/", "conformsTo", [PLAN, PLAN]), "profile of a Workflow RO-Crate"),
    "a workflow of no profile": (_drop("workflow/", "conformsTo"), "profile of a Workflow RO-Crate"),
    "no run": (_set(RUN, "@type", "AssessAction"), "must mention a CreateAction"),
    "a run of something else": (
        _set(RUN, "instrument", {"@id": "#rule-hes"}),
        "the mainEntity of ./ as its instrument",
    ),
    "a run that nobody asked for": (_drop(RUN, "agent"), "a Person as its agent"),
    "a run that no person asked for": (_set(RUN, "agent", {"@id": "#centre"}), "a Person as its agent"),
    "a run without a state": (_drop(RUN, "actionStatus"), "must have an actionStatus"),
    "an input that is not there": (_set(RUN, "object", [{"@id": "#none"}]), "object #none is no entity"),
    "a result that is not handed out": (_set(RUN, "result", [{"@id": "#centre"}]), "#centre is a result and must be"),
    "somebody of no project": (_set("#requesting-agent", "memberOf", {"@id": "#centre"}), "memberOf a Project"),
    "somebody of another project": (
        lambda crate: (
            _add(id="#p", type="Project")(crate),
            _set("#requesting-agent", "memberOf", {"@id": "#p"})(crate),
        ),
        "memberOf the project of ./",
    ),
    "an affiliation that is none": (
        _set("#requesting-agent", "affiliation", {"@id": "#project"}),
        "an Organization as its",
    ),
    "a member that is none": (_set("#member-RX01", "@type", "Place"), "members that are an Organization or a Person"),
    "a review that is not mentioned": (
        lambda crate: _of(crate, "./")["mentions"].remove({"@id": CHECK}),
        f"./ must mention {CHECK}",
    ),
    "a review without a name": (_set(CHECK, "name", "ok"), "a name that people can read"),
    "a review in no state": (_set(CHECK, "actionStatus", "done"), "an actionStatus that is none"),
    "a day without a zone": (_set(CHECK, "endTime", "2025-05-03"), "endTime must be a time with its zone"),
    "a reviewer who is not there": (_set(CHECK, "agent", {"@id": "#none"}), "agent #none is no entity"),
    "a reviewer without a name": (_drop("#centre", "name"), "#centre must have a name"),
    "software that acts for nobody": (_set("#centre", "@type", "SoftwareApplication"), "as its provider"),
    "a file outside": (_add(id="../secret", type="File"), "../secret must lie within"),
    "a file in another place": (_add(id="file:///etc/passwd", type="File"), "must lie within"),
    "a file hidden by its spelling": (_add(id="%2e%2e/secret", type="File"), "must lie within"),
    "a file that is no part": (_add(id="extra.csv", type="File"), "./ must have extra.csv as a part"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_rule_is_named(what: str) -> None:
    crate = copy.deepcopy(CRATE)
    breaks, says = BROKEN[what]
    breaks(crate)
    assert any(says in problem for problem in crate_problems(crate)), crate_problems(crate)


@pytest.mark.parametrize("document", [None, [], {}, {"@graph": {}}])
def test_what_is_no_crate_is_named(document: object) -> None:
    assert crate_problems(document) == ("it is not an RO-Crate: there is no @graph",)


def _published(folder: Path) -> Path:
    (folder / "measures").mkdir(parents=True)
    (folder / "index.html").write_text("<p>12</p>")
    (folder / "measures" / "a measure.html").write_text("")
    (folder / ".DS_Store").write_text("left by a desktop")
    write_record(folder, record=ROUND)
    return folder


def test_what_was_published_holds(tmp_path: Path) -> None:
    one, other = _published(tmp_path / "one"), _published(tmp_path / "other")
    assert check_record(one) == check_record(other)
    assert (one / RECORD).read_bytes() == (other / RECORD).read_bytes()
    paths = [file.path for file in output_files(one)]
    assert paths == ["index.html", "measures/a measure.html", "workflow/plan.json", "workflow/ro-crate-metadata.json"]
    assert (one / "workflow" / "plan.json").read_bytes() == ROUND.plan


def _longer(folder: Path) -> None:
    (folder / "measures" / "a measure.html").write_text("9")


def _same_length(folder: Path) -> None:
    (folder / "index.html").write_text("<p>13</p>")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_same_length, "index.html was changed"),
        (_longer, "measures/a measure.html was changed"),
        (lambda folder: (folder / "index.html").unlink(), "index.html is missing"),
        (lambda folder: (folder / "new.html").write_text(""), "new.html is not in the record"),
        (lambda folder: (folder / RECORD).write_text("["), "not JSON"),
        (lambda folder: (folder / RECORD).write_text("{}"), "not an RO-Crate"),
    ],
)
def test_a_changed_output_is_named(change: Callable[[Path], None], says: str, tmp_path: Path) -> None:
    folder = _published(tmp_path / "round")
    change(folder)
    with pytest.raises(AuditError, match=says):
        check_record(folder)


def test_a_record_that_breaks_its_rules_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_file, "crate_problems", lambda _: ("it is wrong",))
    with pytest.raises(RoundsError, match="breaks its own rules: it is wrong"):
        write_record(tmp_path, record=ROUND)
    assert not (tmp_path / RECORD).exists()
