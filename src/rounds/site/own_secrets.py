"""Secret keys that a site has for itself: no other party holds them, and nothing that is sent is signed with them."""

import base64
import hashlib
import hmac
import secrets
import stat
from datetime import date
from pathlib import Path
from typing import Final

from rounds.audit.chain import Action, Event
from rounds.errors import RoundsError
from rounds.site.folder import Site
from rounds.storage.facts import write_private_fact

KEY_BYTES: Final = 32
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Secret:
    """A key for HMAC-SHA256. Its repr does not tell it."""

    __slots__ = ("_raw",)

    def __init__(self, raw: bytes) -> None:
        """Take 32 bytes that were drawn by the system's generator."""
        if len(raw) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes")
        self._raw = raw

    def mac(self, *parts: bytes) -> bytes:
        """Return the HMAC-SHA256 of some parts, 32 bytes; where one part ends and the next begins matters.

        Source: RFC 2104.
        """
        return hmac.digest(self._raw, b"".join(len(part).to_bytes(8, "big") + part for part in parts), hashlib.sha256)

    def __repr__(self) -> str:
        return "Secret(not shown)"

    def __reduce__(self) -> str:
        raise TypeError("a key is not pickled")


def make_secret(site: Site, path: Path, *, called: str, today: date) -> Secret:
    """Draw a key, log that it was made, and keep it where only its owner may read it.

    Args:
        site: whose it is.
        path: where it is kept.
        called: what the log calls it.
        today: the day.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    raw = secrets.token_bytes(KEY_BYTES)
    secret = Secret(raw)
    digest = secret.mac(b"key made", called.encode()).hex()
    event = Event(action=Action.KEY_MADE, round_id=called, party=site.id, digest=digest, day=today)
    write_private_fact(path, base64.b64encode(raw) + b"\n", event=event, log=site.ledger_path)
    return secret


def read_secret(path: Path) -> Secret | None:
    """Return a key that is kept; None if there is none.

    Raises:
        RoundsError: if others than its owner may read it, or it is damaged.
    """
    try:
        if path.stat().st_mode & _OTHERS:
            raise RoundsError(
                f"{path}: others than its owner may read this key; look who has, make a new one (for pseudonyms: "
                f"--rotate), and `chmod 600 {path}`"
            )
        return Secret(base64.b64decode(path.read_bytes().strip(), validate=True))
    except FileNotFoundError:
        return None
    except ValueError:
        raise RoundsError(f"{path}: this is no key any more; restore it from a copy, do not delete it") from None


def kept_proofs_key(site: Site) -> Secret | None:
    """Return the key of the digests that a site's audit log has of what nobody may read there, if there is one."""
    return read_secret(_proofs_path(site))


def proofs_key(site: Site, *, today: date) -> Secret:
    """Return the key of the digests that a site's audit log has of what nobody may read there; made on first use."""
    return kept_proofs_key(site) or make_secret(site, _proofs_path(site), called="proofs", today=today)


def _proofs_path(site: Site) -> Path:
    return site.folder / "keys" / "proofs.key"
