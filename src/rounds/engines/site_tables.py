"""What is asked of a site's tables before anything is counted, wherever they lie."""

from typing import Protocol


class SiteTables(Protocol):
    """The tables a site has, as files or in a database."""

    @property
    def site(self) -> str: ...

    @property
    def folder(self) -> object:
        """What to call the place they lie in."""

    def has(self, table: str) -> bool: ...

    def lacks(self, table: str, column: str) -> bool: ...

    def file_of(self, table: str) -> str:
        """Return what to call a table, or the one that should be there."""
