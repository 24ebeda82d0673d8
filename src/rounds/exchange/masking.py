"""Masks: bytes that two sites make of their keys, each on its own, and that nobody else can make.

Each site holds an X25519 key beside its Ed25519 key and publishes it under its signature. For each pair of sites, each
attempt and each measure another stream comes of it: ChaCha20 under a key that HKDF-SHA256 derives from the secret the
two share. A stream is used once: one adds it, the other takes it away, and what both sent is without it in the sum.

Source: RFC 7748 (X25519), RFC 5869 (HKDF), RFC 8439 (ChaCha20).
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import ValidationError

from rounds.audit.chain import Action, Event
from rounds.disclosure.attempt import Attempt
from rounds.errors import MessageError
from rounds.exchange.question import Question, Wire, wire_question
from rounds.exchange.signing import PublicKey, SigningKey, key_event, pin_key, trusted_key
from rounds.measures.definitions import MeasureRef
from rounds.storage.atomic import write_file
from rounds.storage.audit_log import LEDGER
from rounds.storage.facts import write_fact, write_private_fact
from rounds.storage.identifiers import Identifier

_PROTOCOL: Final = "rounds-pooled/1"
_KEY_BYTES: Final = 32
_CALLED: Final = "masking"
"""What a party's log calls such keys."""


class MaskingKey:
    """A site's own key for masks. It never leaves the site's folder."""

    def __init__(self, raw: bytes) -> None:
        self._key = X25519PrivateKey.from_private_bytes(raw)

    @property
    def public(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    def secret_with(self, other: bytes) -> bytes:
        """Return what this key and another's public key alone make together.

        Raises:
            MessageError: if the other's key is one of the few that make the same with everybody.
        """
        try:
            return self._key.exchange(X25519PublicKey.from_public_bytes(other))
        except ValueError:
            raise MessageError("a participant's masking key is no key; the centre must ask without that site") from None

    def __repr__(self) -> str:
        return f"MaskingKey({fingerprint(self.public)})"


class _Published(Wire):
    format: Literal["rounds-masking-key/1"] = "rounds-masking-key/1"
    site: Identifier
    key: str
    signature: str
    """by the site's Ed25519 key, over the other fields"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another site's keys, as they were found to belong together."""

    site: str
    signing: PublicKey
    masking: bytes


def fingerprint(key: bytes) -> str:
    """Return sixteen hexadecimal digits in groups of four, as for a key that signs."""
    return PublicKey(raw=key).fingerprint


def own_masking_key(folder: Path) -> MaskingKey:
    """Return the masking key of the site that lives in a folder.

    Raises:
        MessageError: if it has made none yet, see `make_masking_key`, or if the file is damaged.
    """
    path = _own(folder)
    if not path.exists():
        raise MessageError(f"{path}: there is no masking key yet; make it with `rounds site keys`")
    return MaskingKey(_decode(path.read_bytes(), str(path)))


def make_masking_key(folder: Path, *, site: str, today: date) -> MaskingKey:
    """Return the masking key of the site that lives in a folder: made and logged on first use, for its owner alone.

    Call it under the lock of the site's folder and outside any transaction of its ledger.
    """
    path = _own(folder)
    if not path.exists():
        raw = X25519PrivateKey.generate().private_bytes_raw()
        event = key_event(Action.KEY_MADE, site, MaskingKey(raw).public, called=_CALLED, today=today)
        write_private_fact(path, base64.b64encode(raw) + b"\n", event=event, log=folder / LEDGER)
    return own_masking_key(folder)


def publish_masking_key(exchange: Path, *, site: str, key: bytes, signed_by: SigningKey) -> None:
    """Lay a site's masking key where the others find it, signed, unless the same lies there already."""
    encoded = base64.b64encode(key).decode()
    published = _Published(
        site=site, key=encoded, signature=base64.b64encode(signed_by.sign(_said(site, key))).decode()
    )
    content = published.model_dump_json(indent=1).encode() + b"\n"
    path = published_masking_path(exchange, site)
    if not (path.exists() and path.read_bytes() == content):
        write_file(path, content)


def published_masking_path(exchange: Path, site: str) -> Path:
    return exchange / "keys" / f"{site}.mask"


def trusted_peer(own_folder: Path, exchange: Path, *, site: str) -> Peer:
    """Return another site's keys: its signing key as `trusted_key` has it, and the masking key that it has signed.

    Call `pin_peer` once it has been used.

    Args:
        own_folder: the folder of whoever asks; its pinned keys lie in `trust/`.
        exchange: where parties publish their keys.
        site: whose keys.

    Raises:
        MessageError: if a key is not known, is not signed by the site, or is no longer the pinned one.
    """
    path, pinned = published_masking_path(exchange, site), _pinned(own_folder, site)
    if not path.exists():
        raise MessageError(
            f"{path} is missing, so nothing can be pooled with {site}; let {site} publish its keys with "
            "`rounds site keys FOLDER --exchange EXCHANGE`"
        )
    signing = trusted_key(own_folder, exchange, party=site)
    try:
        published = _Published.model_validate_json(path.read_bytes())
        signature = base64.b64decode(published.signature, validate=True)
    except (ValidationError, ValueError):
        raise MessageError(f"{path}: not a masking key; ask {site} to publish it again") from None
    key = _decode(published.key.encode(), str(path))
    if published.site != site or not signing.verifies(signature, _said(site, key)):
        raise MessageError(f"{path}: the masking key is not signed by {site}; ask {site} to publish it again")
    if pinned.exists() and (known := _decode(pinned.read_bytes(), str(pinned))) != key:
        raise MessageError(
            f"{path} ({fingerprint(key)}) is not the masking key of {site} that is pinned in {pinned} "
            f"({fingerprint(known)}); ask {site} by another way whether its key has changed, and only then delete the "
            "pinned file"
        )
    return Peer(site=site, signing=signing, masking=key)


def pin_peer(own_folder: Path, peer: Peer, *, today: date) -> None:
    """Log and remember a peer's keys, so that others are refused from now on."""
    pin_key(own_folder, party=peer.site, key=peer.signing, today=today)
    path = _pinned(own_folder, peer.site)
    if not path.exists():
        event = key_event(Action.KEY_PINNED, peer.site, peer.masking, called=_CALLED, today=today)
        write_fact(path, base64.b64encode(peer.masking) + b"\n", event=event, log=own_folder / LEDGER)


def mask_streams(
    attempt: Attempt, *, site: str, key: MaskingKey, measure: MeasureRef, question: Question, length: int
) -> dict[str, bytes]:
    """Return for each other participant the stream that this site and it share.

    Args:
        attempt: who takes part. Everything in it goes into the streams: two sites that were told different things share
            none, and their sum is noise.
        site: whose masks they are.
        key: this site's.
        measure: whose numbers they hide.
        question: what is asked, likewise.
        length: in bytes.

    Raises:
        MessageError: if a participant's key is no key.
    """
    return {
        other.site: _stream(
            key.secret_with(other.key), _context(attempt, measure, question, tuple(sorted((site, other.site)))), length
        )
        for other in attempt.participants
        if other.site != site
    }


def _context(attempt: Attempt, measure: MeasureRef, question: Question, pair: tuple[str, ...]) -> bytes:
    said = {
        "protocol": _PROTOCOL,
        "round": attempt.round_id,
        "attempt": attempt.number,
        "variance": attempt.variance,
        "participants": [[one.site, one.key.hex()] for one in attempt.participants],
        "measure": [measure.id, measure.version, measure.digest],
        "question": wire_question(question).model_dump(),
        "pair": pair,
    }
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()


def _stream(secret: bytes, context: bytes, length: int) -> bytes:
    key = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=hashlib.sha256(context).digest()).derive(secret)
    # The key is used for one stream only, so that the block counter and the nonce may begin at 0.
    return Cipher(algorithms.ChaCha20(key, bytes(16)), mode=None).encryptor().update(bytes(length))


def _said(site: str, key: bytes) -> bytes:
    return json.dumps(["rounds-masking-key/1", site, key.hex()], separators=(",", ":")).encode()


def masking_keys_told(folder: Path, *, party: str) -> Iterator[tuple[Path, Event]]:
    """Yield the files of keys for masks in a party's folder, and what its log must tell of each, on whatever day."""
    if _own(folder).exists():
        own = own_masking_key(folder).public
        yield _own(folder), key_event(Action.KEY_MADE, party, own, called=_CALLED, today=date.min)
    for path in sorted((folder / "trust").glob("[!.]*.mask")):
        key = _decode(path.read_bytes(), str(path))
        yield path, key_event(Action.KEY_PINNED, path.stem, key, called=_CALLED, today=date.min)


def _own(folder: Path) -> Path:
    return folder / "keys" / "masking.key"


def _pinned(own_folder: Path, site: str) -> Path:
    return own_folder / "trust" / f"{site}.mask"


def _decode(text: bytes, source: str) -> bytes:
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        raw = b""
    if len(raw) != _KEY_BYTES:
        raise MessageError(f"{source} is not an X25519 key; restore it from a copy")
    return raw
