"""What counts of a measure mean, and since when: what people state, and what plans of earlier rounds have kept."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import reports_fixture as given

from rounds.centre.earlier_definitions import earlier_definition
from rounds.errors import DefinitionError, RoundsError
from rounds.network.definition_changes import DefinitionChange
from rounds.storage.definition_change_files import read_definition_changes
from rounds.storage.round_files import RoundDeclaration
from rounds.storage.workspace import Workspace

CODE = given.CODES[0]
MEASURE = given.ARRESTS


def _read(folder: Path, *lines: str) -> tuple[DefinitionChange, ...]:
    path = folder / "definition_changes.csv"
    path.write_text("\n".join(lines) + "\n")
    return read_definition_changes(path, membership=given.MEMBERSHIP, measures={"arrests"})


def test_a_change_is_at_one_member_or_everywhere(tmp_path: Path) -> None:
    assert read_definition_changes(tmp_path / "none.csv", membership=given.MEMBERSHIP, measures=()) == ()
    head, said = "measure,ods_code,date,reason", "arrests,{},2024-05-01,New system"
    found = _read(tmp_path, head, said.format(CODE), said.format(""))
    assert [one.ods_code for one in found] == [CODE, None]
    everywhere = _read(tmp_path, "measure,date,reason", "arrests,2024-05-01,New system")
    assert everywhere == (
        DefinitionChange(measure="arrests", ods_code=None, day=date(2024, 5, 1), reason="New system"),
    )


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (f"arests,{CODE},2024-05-01,New", 'line 3: there is no measure "arests"'),
        ("arrests,NOBODY,2024-05-01,New", 'line 3: "NOBODY" is not a member'),
        (f"arrests,{CODE},2024-05-01,", "line 3, column reason: the cell is empty"),
        (f"arrests,{CODE},May 2024,New", "line 3, column date"),
        (
            f"arrests,{CODE},2024-04-01,Again",
            f"line 3: the definition of arrests changed at {CODE} on 2024-04-01 on line 2",
        ),
    ],
)
def test_a_change_that_cannot_be_is_refused_with_its_line(row: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=says):
        _read(tmp_path, "measure,ods_code,date,reason", f"arrests,{CODE},2024-04-01,First", row)


def _network(folder: Path, **digests: str) -> Workspace:
    """A network whose rounds have plans that ask for the measure by some digest; those of no digest have not begun."""
    rounds = []
    for place, (name, digest) in enumerate(digests.items(), start=1):
        rounds.append(SimpleNamespace(id=name, as_of=date(2024, place, 1)))
        if digest:
            path = folder / "centre" / "rounds" / name / "plan.json"
            path.parent.mkdir(parents=True)
            ref = {"id": MEASURE.id, "version": MEASURE.version, "digest": digest}
            days = dict.fromkeys(("first", "last", "as_of"), "2024-01-01")
            asked = {**days, "measures": [ref], "members": [CODE], "epoch": 1}
            path.write_text(json.dumps({"round": name, "sites": {"one": asked}}))
    network = SimpleNamespace(centre=folder / "centre", exchange=folder / "exchange", rounds=tuple(rounds))
    return cast("Workspace", network)


@pytest.mark.parametrize(
    ("digests", "found"),
    [
        ({"b": MEASURE.digest, "c": "own"}, None),
        ({"a": "0" * 64, "b": MEASURE.digest, "c": "own"}, None),
        ({"b": "0" * 64, "c": "own"}, "b"),
        ({"a": "0" * 64, "b": "", "c": "own"}, "a"),
        ({"c": "own", "d": "0" * 64}, None),
    ],
)
def test_the_last_round_that_counted_by_another_definition_is_known(
    digests: dict[str, str], found: str | None, tmp_path: Path
) -> None:
    network = _network(tmp_path, **digests)
    own = cast("RoundDeclaration", next(one for one in network.rounds if one.id == "c"))
    earlier = earlier_definition(network, own, MEASURE)
    assert (earlier.round_id if earlier else None) == found
    if earlier:
        assert f"counted {MEASURE.title} by version {MEASURE.version} as it was written then" in earlier.says(MEASURE)
        other = replace(earlier, ref=replace(earlier.ref, version=MEASURE.version + 1))
        assert f"by version {MEASURE.version + 1}. Here" in other.says(MEASURE)


def test_a_plan_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    network = _network(tmp_path, b="0" * 64, c="own")
    (tmp_path / "centre" / "rounds" / "b" / "plan.json").write_text("{}")
    with pytest.raises(RoundsError, match="plan of this round cannot be read"):
        earlier_definition(network, cast("RoundDeclaration", network.rounds[1]), MEASURE)
