"""The errors Rounds raises: one subclass per thing a caller can act on.

A message says what happened, where (file, row, column, site, measure, period) and what to do next. It never carries
a patient's values.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the command line returns to the shell."""

    OK = 0
    ERROR = 1
    USAGE = 2
    CHECK_FAILED = 3
    PARTIAL = 4
    DISCLOSURE_REFUSAL = 5
    WAITS_FOR_APPROVAL = 6


class RoundsError(Exception):
    """Something went wrong that its reader can put right. The base of every error below."""

    exit_code: ExitCode = ExitCode.ERROR


class DefinitionError(RoundsError):
    """A definition (network, round, measure, code list, policy, mapping) cannot be read as what it should be.

    Carries the field that is wrong where one is, so that whoever reads a file can say where it stands.
    """

    exit_code = ExitCode.CHECK_FAILED

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class RecordsError(RoundsError):
    """A site's records are missing, broken or contradict themselves."""

    exit_code = ExitCode.CHECK_FAILED


class PublishedDataError(RoundsError):
    """A file of published aggregates cannot be read as its mapping says."""

    exit_code = ExitCode.CHECK_FAILED


class MessageError(RoundsError):
    """A message is not what it claims: tampered, replayed, expired, misaddressed or of an unknown version."""

    exit_code = ExitCode.CHECK_FAILED


class DisclosureRefusal(RoundsError):
    """Something may not leave a site. The refusal does not depend on the data."""

    exit_code = ExitCode.DISCLOSURE_REFUSAL


class NotPermitted(RoundsError):
    """Somebody may not do this, or it may not happen to this request now. Nothing was changed."""

    exit_code = ExitCode.DISCLOSURE_REFUSAL


class WaitsForApproval(RoundsError):
    """Nothing is wrong: people must look at a reply before it leaves."""

    exit_code = ExitCode.WAITS_FOR_APPROVAL


class SitesFailed(RoundsError):
    """Some sites cannot answer. Carries the gravest exit code that a site gave."""

    def __init__(self, message: str, *, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class AuditError(RoundsError):
    """An audit log, or what another party says of its log, was cut, changed or restored from an old copy."""

    exit_code = ExitCode.CHECK_FAILED
