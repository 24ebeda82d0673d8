"""The core reads no clock and draws no random number: import contracts cannot see `date.today()`, so this test does."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "rounds"
CORE = ("network", "audit", "measures", "learning", "disclosure", "reports/content")
METHODS = {"today", "now", "utcnow", "default_rng", "RandomState", "read_text", "write_text"}
FUNCTIONS = {"open", "input", "print"}


def _calls(source: str) -> set[str]:
    """Return which calls of a module read a clock, a file or chance."""
    called = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    methods = {function.attr for function in called if isinstance(function, ast.Attribute)}
    functions = {function.id for function in called if isinstance(function, ast.Name)}
    return methods & METHODS | functions & FUNCTIONS


@pytest.mark.parametrize("room", CORE)
def test_the_core_takes_time_and_chance_as_arguments(room: str) -> None:
    modules = sorted((PACKAGE / room).rglob("*.py"))
    assert modules
    assert {path.name: found for path in modules if (found := _calls(path.read_text()))} == {}


@pytest.mark.parametrize(
    "line", ["day = date.today()", "day = datetime.now(UTC)", "rng = np.random.default_rng()", "text = open('file')"]
)
def test_a_planted_violation_is_seen(line: str) -> None:
    assert _calls((PACKAGE / "disclosure" / "policy.py").read_text() + line) != set()
