"""What a person reads when a YAML file is wrong: the file, the line, the column, the field and the nearest word."""

from datetime import date
from enum import StrEnum
from pathlib import Path

import pytest
from pydantic import BaseModel, Field, field_validator

from rounds.errors import DefinitionError
from rounds.storage.yaml_files import Definition, read_yaml


class Grain(StrEnum):
    MONTH = "month"
    YEAR = "year"


class Asked(Definition):
    id: str
    version: int = Field(ge=1)
    sites: tuple[str, ...] = ()


class Person(Definition):
    age_from: int


class Drug(Definition):
    codes: dict[int, str]


class Plan(Definition):
    id: str
    first: date
    grain: Grain = Grain.MONTH
    target: float | None = None
    measures: tuple[Asked, ...] = ()
    subject: Person | Drug | None = None

    @field_validator("id")
    @classmethod
    def _lower_case(cls, value: str) -> str:
        if value != value.lower():
            raise ValueError("Ids are written in small letters")
        return value


class Careless(BaseModel):
    """A model whose author forgot to forbid unknown fields."""

    id: str


GOOD = """\
id: winter
first: 2024-01-31
grain: year
target: 5
measures:
  - {id: cardiac-arrests, version: 1, sites: [a, b]}
  - id: deaths
    version: 2
"""


def _read(tmp_path: Path, text: str | bytes) -> Plan:
    path = tmp_path / "plan.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_yaml(path, Plan)


def _problems(tmp_path: Path, text: str | bytes) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        _read(tmp_path, text)
    return [line.removeprefix(f"{tmp_path}/") for line in str(caught.value).splitlines()]


def test_a_good_file_is_read(tmp_path: Path) -> None:
    plan = _read(tmp_path, GOOD)
    assert plan.first == date(2024, 1, 31)
    assert plan.grain is Grain.YEAR
    assert plan.target == 5.0
    assert plan.measures[0].sites == ("a", "b")
    assert plan.measures[1] == Asked(id="deaths", version=2)


def test_a_byte_order_mark_is_harmless(tmp_path: Path) -> None:
    assert _read(tmp_path, b"\xef\xbb\xbf" + GOOD.encode()) == _read(tmp_path, GOOD)


def test_yaml_1_2_reads_no_as_a_word(tmp_path: Path) -> None:
    assert _read(tmp_path, "id: no\nfirst: 2024-01-01\n").id == "no"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            GOOD.replace("measures:", "measurs:"),
            ["plan.yaml line 5 column 1: unknown field `measurs`; did you mean `measures`?"],
            id="typo",
        ),
        pytest.param(
            GOOD.replace("    version: 2", "    verison: 2"),
            [
                "plan.yaml line 7 column 5: field `version` is missing; add it",
                "plan.yaml line 8 column 5: unknown field `verison`; did you mean `version`?",
            ],
            id="typo inside a list",
        ),
        pytest.param(
            GOOD.replace("{id: cardiac-arrests, version: 1,", "{id: cardiac-arrests, versoin: 1, version: 1,"),
            ["plan.yaml line 6 column 27: unknown field `versoin`; did you mean `version`?"],
            id="typo in a flow mapping",
        ),
        pytest.param(
            GOOD + "zebra: 1\n",
            [
                "plan.yaml line 9 column 1: unknown field `zebra`; "
                "choose one of `first`, `grain`, `id`, `measures`, `subject`, `target`"
            ],
            id="nothing near",
        ),
        pytest.param(
            GOOD.replace("grain: year", "grain: yearly"),
            ["plan.yaml line 3 column 1: `grain` cannot be `yearly`; did you mean `year`?"],
            id="wrong word",
        ),
        pytest.param(
            GOOD.replace("version: 2", "version: two"),
            ["plan.yaml line 8 column 5: `measures.version` must be a whole number, not `two`"],
            id="wrong type",
        ),
        pytest.param(
            GOOD.replace("version: 2", "version: 1.5"),
            ["plan.yaml line 8 column 5: `measures.version` must be a whole number, not `1.5`"],
            id="fraction",
        ),
        pytest.param(
            GOOD.replace("version: 2", 'version: "2"'),
            ["plan.yaml line 8 column 5: `measures.version` must be a whole number, not `2`"],
            id="quoted number",
        ),
        pytest.param(
            GOOD.replace("version: 2", "version: 0"),
            ["plan.yaml line 8 column 5: `measures.version` must be 1 or more, not 0"],
            id="out of range",
        ),
        pytest.param(
            GOOD.replace("2024-01-31", "January"),
            ["plan.yaml line 2 column 1: `first` must be a date such as 2024-01-31, not `January`"],
            id="no date",
        ),
        pytest.param(
            GOOD.replace("id: winter", "id: Winter"),
            ["plan.yaml line 1 column 1: `id`: ids are written in small letters"],
            id="rule of the model",
        ),
        pytest.param(
            GOOD.replace("id: winter", "id:"),
            ["plan.yaml line 1 column 1: `id` must be text, not empty"],
            id="empty value",
        ),
        pytest.param(
            "grain: month\n",
            [
                "plan.yaml line 1 column 1: field `id` is missing; add it",
                "plan.yaml line 1 column 1: field `first` is missing; add it",
            ],
            id="missing fields",
        ),
        pytest.param(
            "id: a\nid: b\nfirst: 2024-01-01\n",
            ["plan.yaml line 2 column 1: field `id` is written twice; keep one"],
            id="duplicate key",
        ),
        pytest.param("", ["plan.yaml: the file is empty; it needs `id`, `first`"], id="empty"),
        pytest.param("# only a remark\n", ["plan.yaml: the file is empty; it needs `id`, `first`"], id="remark only"),
        pytest.param(
            "- id: a\n",
            [
                "plan.yaml line 1 column 1: the file must be a mapping (`name: value` on each line), not a list; "
                "it needs `id`, `first`"
            ],
            id="list",
        ),
        pytest.param(
            "winter\n",
            [
                "plan.yaml line 1 column 1: the file must be a mapping (`name: value` on each line), "
                "not a single value; it needs `id`, `first`"
            ],
            id="single value",
        ),
        pytest.param(
            b"id: winter\nfirst: 2024-01-01 # caf\xe9\n",
            ["plan.yaml line 2 column 24: the file is not UTF-8; save it again with the encoding UTF-8"],
            id="Latin-1",
        ),
        pytest.param(
            "id: &a winter\nfirst: *a\n",
            ["plan.yaml line 2 column 8: aliases (`*name`) are refused; write the value out"],
            id="alias",
        ),
        pytest.param(
            GOOD + "subject: {codes: {aspirin: aspirin}}\n",
            [
                "plan.yaml line 9 column 1: field `age_from` is missing; add it",
                "plan.yaml line 9 column 11: unknown field `codes` here",
                "plan.yaml line 9 column 19: `subject.codes.aspirin`: what stands before the colon must be "
                "a whole number, not `aspirin`",
            ],
            id="union",
        ),
    ],
)
def test_what_is_said(tmp_path: Path, text: str | bytes, expected: list[str]) -> None:
    assert _problems(tmp_path, text) == expected


@pytest.mark.parametrize(
    "text", ["id: [1\nfirst: 2\n", "id: a\n  first: b\n", "id: !!python/object:os.system a\n", "id: a\n---\nid: b\n"]
)
def test_what_is_no_plain_yaml_is_refused_by_line(tmp_path: Path, text: str) -> None:
    (problem,) = _problems(tmp_path, text)
    assert problem.startswith("plan.yaml line ")


@pytest.mark.parametrize("text", [".nan", "-.INF", "1e400"])
def test_what_is_no_number_that_counts_is_refused(tmp_path: Path, text: str) -> None:
    written = GOOD.replace("target: 5", f"target: {text}")
    line = written[: written.index("target:")].count("\n") + 1
    assert _problems(tmp_path, written) == [
        f"plan.yaml line {line} column 9: `{text}` is no number that counts; write one, or leave the field out"
    ]


@pytest.mark.parametrize(
    ("text", "where"),
    [(f"id: {'[' * 5000}{']' * 5000}\n", ":"), (f"id: {'{a: ' * 90}b{'}' * 90}\n", " line 1 column ")],
)
def test_what_is_nested_without_end_is_refused(tmp_path: Path, text: str, where: str) -> None:
    (problem,) = _problems(tmp_path, text)
    assert problem.startswith(f"plan.yaml{where}")
    assert problem.endswith("things are nested more than 80 deep here; say it in fewer steps")


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "network.yaml").write_text("id: a\n")
    with pytest.raises(DefinitionError, match=r"netwrok.yaml: there is no such file; did you mean `network.yaml`\?"):
        read_yaml(tmp_path / "netwrok.yaml", Plan)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="cannot be read"):
        read_yaml(tmp_path, Plan)


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    assert len(_problems(tmp_path, "id: 5\nfirst: never\ngrian: year\ntarget: high\n")) == 4


def test_unknown_fields_are_refused_even_by_a_careless_model(tmp_path: Path) -> None:
    path = tmp_path / "careless.yaml"
    path.write_text("id: a\ntitel: b\n")
    with pytest.raises(DefinitionError, match="unknown field `titel`"):
        read_yaml(path, Careless)
