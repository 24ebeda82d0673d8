"""What a party sends along for itself alone: sealed, so that whoever carries or keeps it reads and changes nothing.

Source: RFC 5297 (AES-SIV), which gives the same bytes for the same content, under a key that RFC 5869 derives.
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from rounds.errors import AuditError
from rounds.exchange.signing import SigningKey

_PURPOSE: Final = "rounds-own-history/1"
_KEY_BYTES: Final = 64


def seal(content: bytes, *, key: SigningKey, about: str) -> bytes:
    """Return content that only the holder of a key can read.

    Args:
        content: what is sealed.
        key: the party's own.
        about: what it belongs to, in plain; it is opened only with the same.
    """
    return _cipher(key).encrypt(content, [about.encode()])


def unseal(sealed: bytes, *, key: SigningKey, about: str, source: str) -> bytes:
    """Return what was sealed.

    Args:
        sealed: as `seal` has made it.
        key: that it was sealed with.
        about: what it was said to belong to.
        source: the file's name, for messages to people.

    Raises:
        AuditError: if it was sealed with another key or for something else, or was changed.
    """
    try:
        return _cipher(key).decrypt(sealed, [about.encode()])
    except (InvalidTag, ValueError):
        raise AuditError(
            f"{source}: what it tells its sender cannot be opened with the key that is here; restore the key as well"
        ) from None


def _cipher(key: SigningKey) -> AESSIV:
    return AESSIV(key.derived(_PURPOSE, _KEY_BYTES))
