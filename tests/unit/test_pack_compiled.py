"""Machine code of kernels is kept for as long as no kernel has become another."""

import ast
from pathlib import Path

import numpy as np
import pytest
from numba.core.errors import NumbaError

from rounds.engines.pack import compiled, tallies
from rounds.engines.pack.compiled import compiled_making_arrays, digest_of_kernels
from rounds.engines.pack.layout import Array


def test_a_kernel_that_another_calls_is_part_of_the_digest(tmp_path: Path) -> None:
    caller, called, other = tmp_path / "caller.py", tmp_path / "below" / "called.py", tmp_path / "plain.py"
    called.parent.mkdir()
    caller.write_text("@compiled\ndef one(): two()\n")
    called.write_text("@compiled\ndef two(): return 1\n")
    other.write_text("x = 1\n")
    before = digest_of_kernels(tmp_path)
    other.write_text("x = 2\n")
    assert digest_of_kernels(tmp_path) == before
    called.write_text("@compiled\ndef two(): return 2\n")
    assert digest_of_kernels(tmp_path) != before


def test_kernels_use_nothing_from_outside_the_digest() -> None:
    engines = Path(compiled.__file__).parents[1]
    package = engines.parents[1]
    for path in engines.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        kernels = [node for node in tree.body if isinstance(node, ast.FunctionDef) and _is_kernel(node)]
        outside: set[str] = set()
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("rounds"):
                module = package / f"{str(node.module).replace('.', '/')}.py"
                text = module.read_text(encoding="utf-8") if module.exists() else ""
                if "@compiled" not in text and "@intrinsic" not in text:
                    outside |= {one.asname or one.name for one in node.names}
        # A number that is made of something from outside is from outside as well.
        for node in tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and outside & _names(node):
                made = node.targets if isinstance(node, ast.Assign) else [node.target]
                outside |= set().union(*map(_names, made))
        for kernel in kernels:
            used = set().union(*(_names(node) for node in kernel.body))
            assert not used & outside, (path.name, kernel.name, used & outside)


def _is_kernel(function: ast.FunctionDef) -> bool:
    return any(isinstance(one, ast.Name) and one.id.startswith("compiled") for one in function.decorator_list)


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)} - {"Final", "len"}


def test_the_kernels_are_kept_in_a_folder_of_that_digest() -> None:
    folder = compiled.kept_in()
    assert folder is not None
    assert folder.name.endswith(digest_of_kernels(Path(compiled.__file__).parents[1]))
    assert tallies.tally.dispatcher.stats.cache_path.startswith(str(folder))


def test_a_program_in_a_place_that_nothing_can_be_written_to_keeps_them_with_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "program"
    blocked.mkdir()
    (blocked / "__pycache__").write_text("a file where the folder should be")
    monkeypatch.setattr(compiled, "__file__", str(blocked / "compiled.py"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = compiled.kept_in.__wrapped__()
    assert folder is not None
    assert folder.parent == tmp_path / "cache" / "rounds"
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked / "__pycache__"))
    assert compiled.kept_in.__wrapped__() is None


def test_a_kernel_is_compiled_once_and_loaded_by_whoever_calls_it_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "kept_in", lambda: tmp_path)
    numbers = np.arange(5)
    first, next_process = compiled_making_arrays(_doubled), compiled_making_arrays(_doubled)
    assert first(numbers).tolist() == next_process(numbers).tolist() == [0, 2, 4, 6, 8]
    found = [sum(one.dispatcher.stats.cache_hits.values()) for one in (first, next_process)]
    assert found == [0, 1]
    # What is of another type was not compiled before.
    assert next_process(numbers.astype(np.float64)).tolist() == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert sum(next_process.dispatcher.stats.cache_misses.values()) == 1


def test_a_kernel_calls_another_and_runs_where_nothing_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "kept_in", lambda: None)
    quadrupled = compiled_making_arrays(_quadrupled)
    assert quadrupled(np.arange(3)).tolist() == [0, 4, 8]
    assert quadrupled.dispatcher.stats.cache_path is None


def _doubled(numbers: Array) -> Array:
    found = np.empty(len(numbers), dtype=numbers.dtype)
    for place in range(len(numbers)):
        found[place] = 2 * numbers[place]
    return found


doubled = compiled_making_arrays(_doubled)


def _quadrupled(numbers: Array) -> Array:
    return doubled(doubled(numbers))


def test_a_kernel_that_makes_arrays_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would count for every row who holds its arrays, which nobody would notice but for the time it takes."""
    monkeypatch.setattr(compiled, "kept_in", lambda: None)
    with pytest.raises(NumbaError):
        compiled.compiled(_doubled)(np.arange(5))
