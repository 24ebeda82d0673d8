"""The cases of another query language's specification: tables, an expression and what it gives for each person."""

import ast
import json
import operator
import re
from datetime import date
from pathlib import Path
from typing import Any

SPEC = Path(__file__).resolve().parents[2] / "shared" / "data" / "ehrql_spec_cases" / "spec_cases.ndjson"

Cells = list[dict[str, Any]]
Expected = dict[int, Any]


def cases() -> dict[str, dict[str, Any]]:
    found = [json.loads(line) for line in SPEC.read_text(encoding="utf-8").splitlines()] if SPEC.is_file() else []
    return {_name(case): case for case in found}


def _name(case: dict[str, Any]) -> str:
    """Return the name of a case's file and its own. Whole numbers and others have files of the same names."""
    file = Path(case["file"])
    kind = {"int_series_ops": "int.", "float_series_ops": "float."}.get(file.parent.name, "")
    return f"{kind}{file.stem.removeprefix('test_')}.{case['test'].removeprefix('test_')}"


def cells_of(text: str) -> Cells:
    """Return the rows of a case's table; an empty cell is None."""
    header, _, *lines = [line for line in text.splitlines() if line.strip()]
    names = ["person", *(name.strip() for name in header.split("|")[1:])]
    return [dict(zip(names, map(_cell, line.split("|", len(names) - 1)), strict=False)) for line in lines]


def _cell(text: str) -> Any:
    word = text.strip()
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", word):
        return date.fromisoformat(word)
    if re.fullmatch(r"-?\d+(\.\d+)?", word):
        return float(word) if "." in word else int(word)
    return {"": None, "T": 1, "F": 0}.get(word, word)


def expected_of(text: str) -> Expected:
    """Return what a case gives for each person; it may be written as a sum that is still to be done."""
    found = ast.parse(text, mode="eval").body
    assert isinstance(found, ast.Dict)
    return {_reckoned(person): _reckoned(value) for person, value in zip(found.keys, found.values, strict=True)}


def _reckoned(node: ast.expr | None) -> Any:
    match node:
        case ast.BinOp(left=left, op=sign, right=right):
            return _SIGNS[type(sign)](_reckoned(left), _reckoned(right))
        case ast.Call(args=numbers):
            return date(*map(_reckoned, numbers))
        case None:
            raise ValueError("nobody is expected to be anything")
        case _:
            return ast.literal_eval(node)


_SIGNS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
