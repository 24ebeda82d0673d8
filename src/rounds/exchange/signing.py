"""Ed25519 keys: every party signs with its own and knows the others' by their public keys."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from rounds.audit.chain import Action, Event
from rounds.errors import MessageError
from rounds.storage.atomic import write_file
from rounds.storage.audit_log import LEDGER
from rounds.storage.facts import write_fact, write_private_fact

_CALLED: Final = "signing"
"""What a party's log calls keys that sign, its own and those it has pinned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """Somebody's public key: what their signatures are checked against."""

    raw: bytes

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits in groups of four, short enough to read out over the telephone."""
        digits = hashlib.sha256(self.raw).hexdigest()[:16]
        return " ".join(digits[start : start + 4] for start in range(0, 16, 4))

    def verifies(self, signature: bytes, content: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, content)
        except InvalidSignature:
            return False
        return True


class SigningKey:
    """A party's own key. It never leaves the party's folder."""

    def __init__(self, raw: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(raw)

    @property
    def public(self) -> PublicKey:
        return PublicKey(raw=self._key.public_key().public_bytes_raw())

    def sign(self, content: bytes) -> bytes:
        return self._key.sign(content)

    def derived(self, purpose: str, length: int) -> bytes:
        """Return bytes that only who holds this key can make, others for every purpose.

        Source: RFC 5869 (HKDF).
        """
        raw = self._key.private_bytes_raw()
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose.encode()).derive(raw)

    def __repr__(self) -> str:
        return f"SigningKey({self.public.fingerprint})"


def own_key(folder: Path) -> SigningKey:
    """Return the key of the party that lives in a folder.

    Raises:
        MessageError: if it has made none yet, see `make_own_key`, or if the file is damaged.
    """
    path = _own(folder)
    if not path.exists():
        raise MessageError(f"{path}: there is no key yet; a centre makes it when it asks, a site when it answers")
    return SigningKey(_decode(path))


def make_own_key(folder: Path, *, party: str, today: date) -> SigningKey:
    """Return the key of the party that lives in a folder: made and logged on first use, readable only by its owner.

    Call it under the lock of the party's folder and outside any transaction of its ledger.

    Args:
        folder: the party's.
        party: who that is.
        today: the day.
    """
    path = _own(folder)
    if not path.exists():
        raw = Ed25519PrivateKey.generate().private_bytes_raw()
        event = key_event(Action.KEY_MADE, party, SigningKey(raw).public.raw, called=_CALLED, today=today)
        write_private_fact(path, base64.b64encode(raw) + b"\n", event=event, log=folder / LEDGER)
    return own_key(folder)


def key_event(action: Action, party: str, key: bytes, *, called: str, today: date) -> Event:
    """Return what a log tells of a public key: that the party made it, or that it is the party's and was pinned."""
    return Event(action=action, round_id=called, party=party, digest=hashlib.sha256(key).hexdigest(), day=today)


def publish_key(folder: Path, *, party: str, key: PublicKey) -> None:
    """Lay a public key where the other parties can find it, unless it lies there already."""
    path, content = folder / "keys" / f"{party}.pub", base64.b64encode(key.raw) + b"\n"
    if not (path.exists() and path.read_bytes() == content):
        write_file(path, content)


def trusted_key(own_folder: Path, exchange: Path, *, party: str) -> PublicKey:
    """Return the public key that a party's messages are checked against: the pinned one, else the published one.

    Call `pin_key` once a message has proved to be good.

    Args:
        own_folder: the folder of whoever asks; its pinned keys lie in `trust/`.
        exchange: where parties publish their keys.
        party: a site's id, or "centre".

    Raises:
        MessageError: if no key is known, or if the published one is no longer the pinned one.
    """
    pinned = _pinned(own_folder, party)
    published = exchange / "keys" / f"{party}.pub"
    if not pinned.exists():
        if not published.exists():
            raise MessageError(f"no public key of {party} is known; ask {party} to publish one in {published}")
        return PublicKey(raw=_decode(published))
    key = PublicKey(raw=_decode(pinned))
    offered = PublicKey(raw=_decode(published)) if published.exists() else key
    if offered != key:
        raise MessageError(
            f"{published} ({offered.fingerprint}) is not the key of {party} that is pinned in {pinned} "
            f"({key.fingerprint}); ask {party} by another way whether its key has changed, and only then delete the "
            "pinned file"
        )
    return key


def pinned_key(own_folder: Path, *, party: str) -> PublicKey | None:
    """Return the pinned key of a party, or None if none is pinned yet."""
    pinned = _pinned(own_folder, party)
    return PublicKey(raw=_decode(pinned)) if pinned.exists() else None


def own_public_key(folder: Path) -> PublicKey | None:
    """Return the public key of the party that lives in a folder, or None if it has made no key yet."""
    return own_key(folder).public if _own(folder).exists() else None


def read_public_key(path: Path) -> PublicKey:
    """Return the public key in a file.

    Raises:
        MessageError: if it holds none.
    """
    return PublicKey(raw=_decode(path))


def pin_key(own_folder: Path, *, party: str, key: PublicKey, today: date) -> None:
    """Log and remember a party's key, so that another one is refused from now on.

    Args:
        own_folder: of whoever remembers it.
        party: whose key it is.
        key: that a message of theirs has proved.
        today: the day.
    """
    pinned = _pinned(own_folder, party)
    if not pinned.exists():
        event = key_event(Action.KEY_PINNED, party, key.raw, called=_CALLED, today=today)
        write_fact(pinned, base64.b64encode(key.raw) + b"\n", event=event, log=own_folder / LEDGER)


def known_keys(own_folder: Path) -> dict[str, PublicKey]:
    """Return the keys in a party's folder: its own, under "own key", and those it has pinned, by party."""
    own = own_public_key(own_folder)
    known = {"own key": own} if own else {}
    for path in sorted((own_folder / "trust").glob("[!.]*.pub")):
        known[path.stem] = PublicKey(raw=_decode(path))
    return known


def keys_told(folder: Path, *, party: str) -> Iterator[tuple[Path, Event]]:
    """Yield the files of keys that sign in a party's folder, and what its log must tell of each, on whatever day."""
    own = own_public_key(folder)
    if own is not None:
        yield _own(folder), key_event(Action.KEY_MADE, party, own.raw, called=_CALLED, today=date.min)
    for path in sorted((folder / "trust").glob("[!.]*.pub")):
        yield path, key_event(Action.KEY_PINNED, path.stem, _decode(path), called=_CALLED, today=date.min)


def _own(folder: Path) -> Path:
    return folder / "keys" / "private.key"


def _pinned(own_folder: Path, party: str) -> Path:
    return own_folder / "trust" / f"{party}.pub"


def _decode(path: Path) -> bytes:
    try:
        raw = base64.b64decode(path.read_bytes().strip(), validate=True)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise MessageError(f"{path} is not an Ed25519 key; restore it from a copy")
    return raw
