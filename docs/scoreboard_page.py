"""The page of everything that numbers are held against, from what the reference tests themselves declare."""

import ast
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests" / "reference"
DECLARED = "HELD_AGAINST"
"""What each of those tests declares: (statistic, who says what it should be, how near)."""


def scoreboard_page() -> str:
    """Return every reference, by what is held against it."""
    rows = []
    for path in sorted(TESTS.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        tests = sum(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in tree.body)
        rows += [(*line, path.relative_to(TESTS.parents[1]).as_posix(), tests) for line in held_against(path)]
    lines = [f"| {what} | {judge} | {near} | `{path}` ({tests}) |" for what, judge, near, path, tests in sorted(rows)]
    return (
        "# What numbers are held against\n\n"
        "Generated from the reference tests by `make docs`. Each line is checked whenever the tests run; those that "
        "need other people's data skip where it is absent, and say so.\n\n"
        f"{len(lines)} references in {len({row[3] for row in rows})} files. Behind a file's name stands how many tests "
        "it has.\n\n"
        "| what | held against | how near | by |\n|---|---|---|---|\n" + "\n".join(lines) + "\n"
    )


def held_against(path: Path) -> tuple[tuple[str, str, str], ...]:
    """Return what a test file declares that it holds against what; nothing if it declares nothing."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and [getattr(name, "id", "") for name in node.targets] == [DECLARED]:
            found: tuple[tuple[str, str, str], ...] = ast.literal_eval(node.value)
            return found
    return ()
