"""Machine code of kernels is kept for as long as no kernel has become another."""

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


def test_the_kernels_are_kept_in_a_folder_of_that_digest() -> None:
    folder = compiled.kept_in()
    assert folder is not None
    assert folder.name.endswith(digest_of_kernels(Path(compiled.__file__).parents[1]))
    assert tallies.tally.stats.cache_path.startswith(str(folder))  # type: ignore[attr-defined]


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
