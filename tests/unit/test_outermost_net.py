"""What the command line says when something goes wrong that nobody foresaw: where, and never the values."""

import errno
import re
from collections.abc import Callable

import pytest

from rounds.cli import app as command_line
from rounds.errors import DisclosureRefusal, ExitCode, RoundsError
from rounds.measures.strata import age_band

PATIENT = "person 4711, born 1950-03-17"


def _unforeseen() -> None:
    raise ValueError(PATIENT)


def _caused_by_another() -> None:
    try:
        age_band(151)
    except ValueError as error:
        raise KeyError(PATIENT) from error


def _in_the_core() -> None:
    age_band(151)


FAILURES: dict[str, tuple[Callable[[], None] | Exception, ExitCode, str]] = {
    "in a library": (_unforeseen, ExitCode.ERROR, r"\(incident [0-9a-f]{8}, ValueError in cli/app\.py:\d+ main\)"),
    "caused by another": (_caused_by_another, ExitCode.ERROR, r"KeyError in cli/app\.py:\d+ main"),
    "in the core": (_in_the_core, ExitCode.ERROR, r"ValueError in measures/strata\.py:\d+ age_band"),
    "a full disk": (OSError(errno.ENOSPC, "No space left", "out.json"), ExitCode.ERROR, "out.json: .*; make room"),
    "no such file": (FileNotFoundError(errno.ENOENT, "None", "q.json"), ExitCode.ERROR, "q.json: .*; correct its name"),
    "expected": (RoundsError("members.csv, line 3: wrong"), ExitCode.ERROR, "^rounds: members.csv, line 3: wrong$"),
    "a refusal": (DisclosureRefusal("choose `hes`"), ExitCode.DISCLOSURE_REFUSAL, "^rounds: choose `hes`$"),
}


@pytest.mark.parametrize("what", FAILURES)
def test_a_failure_is_one_line_without_values(
    what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failure, code, says = FAILURES[what]

    def fail() -> None:
        if isinstance(failure, Exception):
            raise failure
        failure()

    monkeypatch.setattr(command_line, "app", fail)
    with pytest.raises(SystemExit) as end:
        command_line.main()
    told = capsys.readouterr()
    assert end.value.code == code
    assert told.out == ""
    assert re.search(says, told.err.strip()), told.err
    assert len(told.err.splitlines()) == 1
    assert "4711" not in told.err
    assert "1950" not in told.err
    assert "151" not in told.err
