"""Machine code of kernels is kept for as long as no kernel has become another."""

import ast
from pathlib import Path

import pytest

from rounds.engines.pack import compiled, tallies
from rounds.engines.pack.compiled import digest_of_kernels


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
    return any(isinstance(one, ast.Name) and one.id == "compiled" for one in function.decorator_list)


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
