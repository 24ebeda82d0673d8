"""A folder as the carrier: the same bytes on a disk, a USB stick or an SFTP drop."""

from dataclasses import dataclass
from pathlib import Path

from rounds.storage.atomic import write_file


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeFolder:
    """Where messages lie: `<round>/requests/<site>.json` and `<round>/replies/<site>.json`."""

    path: Path

    def request_path(self, round_id: str, site: str) -> Path:
        return self.path / round_id / "requests" / f"{site}.json"

    def reply_path(self, round_id: str, site: str) -> Path:
        return self.path / round_id / "replies" / f"{site}.json"

    def pooled_path(self, round_id: str) -> Path:
        """Return where a round's attempts at pooled sums lie: `<number>/requests/` and `<number>/replies/`."""
        return self.path / round_id / "pooled"

    def pooled_request_path(self, round_id: str, attempt: int, site: str) -> Path:
        return self.pooled_path(round_id) / str(attempt) / "requests" / f"{site}.json"

    def pooled_reply_path(self, round_id: str, attempt: int, site: str) -> Path:
        return self.pooled_path(round_id) / str(attempt) / "replies" / f"{site}.json"

    def replies_of(self, site: str) -> tuple[Path, ...]:
        """Return every reply of a site that lies here, in either lane."""
        alone, pooled = (self.path.glob(f"{where}/replies/{site}.json") for where in ("*", "*/pooled/*"))
        return (*sorted(alone), *sorted(pooled))

    def requests_to(self, site: str) -> tuple[Path, ...]:
        """Return every request to a site that lies here, in either lane."""
        alone, pooled = (self.path.glob(f"{where}/requests/{site}.json") for where in ("*", "*/pooled/*"))
        return (*sorted(alone), *sorted(pooled))

    def messages(self) -> tuple[Path, ...]:
        """Return every message that lies here."""
        kinds = [f"{where}/{what}/*.json" for where in ("*", "*/pooled/*") for what in ("requests", "replies")]
        return tuple(sorted(path for kind in kinds for path in self.path.glob(kind)))

    def put(self, path: Path, content: bytes) -> None:
        """Lay a message down, unless the very same bytes lie there already."""
        if not (path.exists() and path.read_bytes() == content):
            write_file(path, content)
