"""Reads one YAML definition into a Pydantic model, or says in one message everything that is wrong with the file.

Definitions are written by clinicians and analysts, so a refusal names the file, the line, the column and the nearest
valid word. YAML 1.2, plain data only: no tags, no anchors, no duplicate keys, one document a file.
"""

import json
import math
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, RootModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML, MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent

from rounds.errors import DefinitionError
from rounds.storage.suggestions import nearest


class Definition(BaseModel):
    """What every model of a YAML file builds on: strict types, no unknown fields, unchangeable."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Misplaced(ValueError):
    """What a model's validator raises of something inside it: the steps from the model to the wrong field."""

    def __init__(self, message: str, *, at: tuple["Step", ...]) -> None:
        super().__init__(message)
        self.at = at


M = TypeVar("M", bound=BaseModel)
Step = int | str

_MAX_BYTES = 1_000_000
"""A definition is a page or two; a megabyte is something else put in its place."""

_DEEPEST = 80
_TOO_DEEP = f"things are nested more than {_DEEPEST} deep here; say it in fewer steps"

_WHAT_A_TYPE_IS = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping (`name: value`)",
    "model_type": "a mapping (`name: value`)",
    "date_type": "a date such as 2024-01-31",
    "date_parsing": "a date such as 2024-01-31",
    "date_from_datetime_parsing": "a date such as 2024-01-31",
    "none_required": "empty",
}


_LIMITS = {"greater_than_equal": ("ge", "more"), "less_than_equal": ("le", "less")}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where in the file something stands, counted from 1."""

    line: int
    column: int


def read_yaml(path: Path, model: type[M], *, context: object = None) -> M:
    """Return the definition in a YAML file.

    Lists may fill tuples and words may fill enums; nothing else is converted. Unknown fields are refused whatever the
    model says.

    Args:
        path: the file, UTF-8.
        model: what the file should be; see `Definition`.
        context: what the model's validators know beyond the file.

    Raises:
        DefinitionError: one line for each problem, naming file, line, column, field and the nearest valid word.
    """
    text = _read_text(path)
    root, data = _parse(path, text)
    if root is None or data is None:
        raise DefinitionError(f"{path}: the file is empty; it needs {_list_of(_required(model))}")
    if not isinstance(root, MappingNode):
        raise DefinitionError(
            f"{path} {_where(_place(root))}: the file must be a mapping (`name: value` on each line), "
            f"not {_kind_of(root)}; it needs {_list_of(_required(model))}"
        )
    _check_depth(path, root)
    try:
        plain = json.dumps(_plain(data), allow_nan=False)
    except ValueError as error:
        raise DefinitionError("\n".join(f"{path} {problem}" for problem in _without_number(root))) from error
    except TypeError as error:
        raise DefinitionError(f"{path}: only text, numbers, dates, lists and mappings belong here ({error})") from error
    try:
        return model.model_validate_json(plain, strict=True, extra="forbid", context=context)
    except DefinitionError as error:
        raise DefinitionError(f"{path}: {error}") from error
    except ValidationError as error:
        found = sorted(
            ((*_locate(root, _steps(problem, model)), problem) for problem in _problems(error)),
            key=lambda found: (found[0].line, found[0].column),
        )
        lines = dict.fromkeys(
            f"{path} {_where(place)}: {_explain(problem, name, model)}" for place, name, problem in found
        )
        raise DefinitionError("\n".join(lines)) from error


def refuse_twice(path: Path, what: str, values: list[str]) -> None:
    """Raise DefinitionError, naming the file, if something in it is listed more than once."""
    for value in values:
        if values.count(value) > 1:
            raise DefinitionError(f"{path}: {what} `{value}` is listed twice; keep one")


def _read_text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        others = [other.name for other in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
        hint = nearest(path.name, others) if others else "; create it"
        raise DefinitionError(f"{path}: there is no such file{hint}") from error
    except OSError as error:
        raise DefinitionError(f"{path}: the file cannot be read ({error.strerror}); check what it is") from error
    if len(raw) > _MAX_BYTES:
        raise DefinitionError(f"{path}: {len(raw):,} bytes is too long for a definition; is it another file?")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        raise DefinitionError(
            f"{path} line {line} column {column}: the file is not UTF-8; save it again with the encoding UTF-8"
        ) from error


def _parse(path: Path, text: str) -> tuple[Node | None, Any]:
    """Return the tree (for places) and the data (for values) of a text."""
    yaml = YAML(typ="safe", pure=True)
    try:
        # An alias needs an anchor, so a text without `&` needs no second look.
        for event in yaml.parse(text) if "&" in text else ():
            if isinstance(event, AliasEvent):
                place = _Place(line=event.start_mark.line + 1, column=event.start_mark.column + 1)
                raise DefinitionError(f"{path} {_where(place)}: aliases (`*name`) are refused; write the value out")
        root = yaml.compose(text)
        return root, None if root is None else yaml.constructor.construct_document(root)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" {_where(_Place(line=mark.line + 1, column=mark.column + 1))}" if mark else ""
        raise DefinitionError(f"{path}{where}: {_plain_problem(error.problem)}") from error
    except RecursionError:
        raise DefinitionError(f"{path}: {_TOO_DEEP}") from None
    except (YAMLError, ValueError) as error:
        raise DefinitionError(f"{path}: this is not YAML ({str(error).splitlines()[0]})") from error


def _inside_of(node: Node) -> Iterator[Node]:
    """Yield the items of a list, or the keys and values of a mapping."""
    for item in node.value:
        yield from item if isinstance(item, tuple) else (item,)


def _check_depth(path: Path, root: Node) -> None:
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > _DEEPEST:
            raise DefinitionError(f"{path} {_where(_place(node))}: {_TOO_DEEP}")
        if not isinstance(node, ScalarNode):
            waiting += [(part, depth + 1) for part in _inside_of(node)]


def _plain_problem(problem: str | None) -> str:
    twice = re.match(r'found duplicate key "(.*?)" with', problem or "")
    if twice:
        return f"field `{twice[1]}` is written twice; keep one"
    if problem and "could not determine a constructor" in problem:
        return f"tags (`!name`) are refused; write plain text, numbers, lists and mappings ({problem})"
    return f"this is not YAML: {problem}; check the indentation, colons, quotes and brackets near here"


def _without_number(node: Node) -> Iterator[str]:
    """Yield where a number should stand and what does is infinite or, as YAML writes it, not a number."""
    if isinstance(node, ScalarNode):
        if str(node.tag).endswith(":float") and not math.isfinite(
            float(re.sub("[.](inf|nan)", r"\1", node.value.lower()))
        ):
            yield f"{_where(_place(node))}: `{node.value}` is no number that counts; write one, or leave the field out"
        return
    for part in _inside_of(node):
        yield from _without_number(part)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {(key.isoformat() if isinstance(key, date) else key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def _problems(error: ValidationError) -> list[ErrorDetails]:
    """Return what is wrong, less the lists that Pydantic calls too short because of what is wrong inside them."""
    found = error.errors(include_url=False)
    return [problem for problem in found if problem["type"] != "too_short" or not problem["input"]]


def _steps(problem: ErrorDetails, model: type[BaseModel]) -> tuple[Step, ...]:
    """Return the way from the top of the file to a problem."""
    steps = problem["loc"]
    # The first step into a union is the choice made, such as `visits`. It may be the name of a field too.
    if steps and issubclass(model, RootModel) and any(_is_choice(part, steps[0]) for part in _parts(model)):
        steps = steps[1:]
    return (*steps, *getattr(problem.get("ctx", {}).get("error"), "at", ()))


def _locate(root: Node, steps: tuple[Step, ...]) -> tuple[_Place, str]:
    """Return the place and the dotted name of a problem: its key if there is one, else the nearest thing around it."""
    place, node, names = _place(root), root, []
    for step in steps:
        found = _child(node, step)
        if found is not None:
            key, node = found
            place = _place(key)
            names += [step] if isinstance(step, str) else []
    return place, ".".join(names) or "the file"


def _child(node: Node, step: Step) -> tuple[Node, Node] | None:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if str(key.value) == str(step):
                return key, value
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None  # the name of a choice in a union, which is not in the file


def _explain(problem: ErrorDetails, name: str, model: type[BaseModel]) -> str:
    field = str(problem["loc"][-1]) if problem["loc"] else ""
    kind, context = problem["type"], problem.get("ctx", {})
    valid = _fields_at(model, problem["loc"][:-1])
    if kind == "extra_forbidden" and issubclass(model, RootModel) and field in _fields_at(model, ()):
        return f"field `{field}` does not go with the choice `{problem['loc'][0]}`; remove it"
    if kind == "extra_forbidden":
        # In a union a field may be right for one choice and wrong for another: then no word is nearer.
        return f"unknown field `{field}`{' here' if field in valid else nearest(field, valid)}"
    if kind == "missing":
        return f"field `{field}` is missing; add it"
    given = problem["input"]
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        tag, choices = (
            str(context["discriminator"]).strip("'"),
            re.findall(r"'([^']*)'", str(context.get("expected_tags"))),
        )
        if kind == "union_tag_not_found":
            return f"field `{tag}` is missing; add it"
        return f"`{tag}` cannot be `{context['tag']}`{nearest(str(context['tag']), choices)}"
    if kind in ("enum", "literal_error"):
        choices = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        return f"`{name}` cannot be `{given}`{nearest(str(given), choices)}"
    if kind in _LIMITS:
        name_of_limit, words = _LIMITS[kind]
        return f"`{name}` must be {context[name_of_limit]} or {words}, not {given}"
    if kind in ("too_short", "string_too_short"):
        return f"`{name}` is empty; write at least one {'word' if kind == 'string_too_short' else 'item'}"
    if kind == "string_pattern_mismatch":
        return f"`{name}` cannot be `{given}`; use small letters, digits and hyphens, 60 at most, no hyphen first"
    if kind in _WHAT_A_TYPE_IS and field == "[key]":
        return f"`{name}`: what stands before the colon must be {_WHAT_A_TYPE_IS[kind]}, not `{given}`"
    if kind in _WHAT_A_TYPE_IS:
        shown = {NoneType: "empty", list: "a list", dict: "a mapping"}.get(type(given), f"`{given}`")
        return f"`{name}` must be {_WHAT_A_TYPE_IS[kind]}, not {shown}"
    words = str(context["error"]) if "error" in context else problem["msg"]
    return f"`{name}`: {words[:1].lower() + words[1:]}"


def _fields_at(model: type[BaseModel], steps: tuple[Step, ...]) -> list[str]:
    """Return the names a mapping may have at a place, over every choice the types allow there."""
    chosen = [part for part in _parts(model) if steps and _is_choice(part, steps[0])]
    found: list[Any] = chosen or [model]
    for step in steps[1:] if chosen else steps:
        inner = [item for kind in found for item in _inside(kind, step)]
        chosen = [part for kind in found for part in _parts(kind) if _is_choice(part, step)]
        found = inner or chosen or found
    models = [kind for kind in (part for item in found for part in _parts(item)) if _is_model(kind)]
    return [info.alias or name for kind in models for name, info in kind.model_fields.items()]


def _inside(kind: Any, step: Step) -> Iterator[Any]:
    for part in _parts(kind):
        if _is_model(part):
            yield from (info.annotation for name, info in part.model_fields.items() if step in (name, info.alias))
        elif get_origin(part) in (list, tuple, dict):
            yield from get_args(part)[-1:] if get_origin(part) is dict else get_args(part)[:1]


def _parts(kind: Any) -> Iterator[Any]:
    if get_origin(kind) in (Union, types.UnionType):
        for part in get_args(kind):
            yield from _parts(part)
    elif get_origin(kind) is Annotated:
        yield from _parts(get_args(kind)[0])
    elif _is_model(kind) and issubclass(kind, RootModel):
        yield from _parts(kind.model_fields["root"].annotation)
    else:
        yield kind


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _is_choice(kind: Any, step: Step) -> bool:
    """Say whether a word in a union's discriminator, such as `count: visits`, chooses this model."""
    return _is_model(kind) and any(step in get_args(info.annotation) for info in kind.model_fields.values())


def _required(model: type[BaseModel]) -> list[str]:
    """Return the fields every choice of a model needs."""
    needs = [
        [info.alias or name for name, info in kind.model_fields.items() if info.is_required()] for kind in _parts(model)
    ]
    return [name for name in needs[0] if all(name in other for other in needs)]


def _list_of(words: list[str], *, one: bool = False) -> str:
    quoted = ", ".join(f"`{word}`" for word in words)
    return f"one of {quoted}" if one and len(words) > 1 else quoted or "nothing"


def _kind_of(node: Node) -> str:
    return "a list" if isinstance(node, SequenceNode) else "a single value"


def _place(node: Node) -> _Place:
    return _Place(line=node.start_mark.line + 1, column=node.start_mark.column + 1)


def _where(place: _Place) -> str:
    return f"line {place.line} column {place.column}"
