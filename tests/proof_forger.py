"""Forges proofs of a log's tree: true ones with one thing changed, as somebody would who has the whole tree.

Sizes stay as they are: a root says which size it has only together with the signed head that both stand in.
"""

from random import Random
from typing import Any

from rounds.audit.merkle import consistency_path, inclusion_path, leaf_hash, root, tree_of

MOST = 200
_SIZE, _NODE = tree_of(leaf_hash(str(number).encode()) for number in range(MOST))
ROOTS = tuple(root(size, _NODE) for size in range(MOST + 1))
LEAVES = tuple(_NODE(0, position) for position in range(MOST))


def forged_inclusion(chance: Random) -> dict[str, Any]:
    """Return what a verifier of inclusion is given: a true proof, but one of its parts is another's or damaged."""
    size = chance.randrange(1, MOST + 1)
    index = chance.randrange(size)
    path = inclusion_path(index, size, _NODE)
    true: dict[str, Any] = {"root": ROOTS[size], "size": size, "leaf": LEAVES[index], "index": index, "path": path}
    name = chance.choice(("root", "leaf", "index", "path"))
    changed = {
        "root": chance.choice((_flipped(ROOTS[size], chance), chance.choice(ROOTS))),
        "leaf": chance.choice((_flipped(LEAVES[index], chance), chance.choice(LEAVES), ROOTS[size])),
        "index": chance.randrange(-1, size + 1),
        "path": _forged_path(path, chance),
    }
    forged = true | {name: changed[name]}
    return forged if forged != true else forged_inclusion(chance)


def forged_consistency(chance: Random) -> dict[str, Any]:
    """Return what a verifier of growth is given: a true proof, but one of its parts is another's or damaged."""
    new = chance.randrange(2, MOST + 1)
    old = chance.randrange(1, new)
    path = consistency_path(old, new, _NODE)
    true: dict[str, Any] = {"old_root": ROOTS[old], "old": old, "new_root": ROOTS[new], "new": new, "path": path}
    name = chance.choice(("old_root", "new_root", "path"))
    changed = {
        "old_root": chance.choice((_flipped(ROOTS[old], chance), chance.choice(ROOTS))),
        "new_root": chance.choice((_flipped(ROOTS[new], chance), chance.choice(ROOTS))),
        "path": _forged_path(path, chance),
    }
    forged = true | {name: changed[name]}
    return forged if forged != true else forged_consistency(chance)


def _flipped(value: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(value))
    return value[:at] + bytes([value[at] ^ (1 << chance.randrange(8))]) + value[at + 1 :]


def _forged_path(path: tuple[bytes, ...], chance: Random) -> tuple[bytes, ...]:
    at = chance.randrange(len(path) + 1)
    other = chance.choice((*path, chance.choice(LEAVES), chance.choice(ROOTS), chance.randbytes(32)))
    if at == len(path) or chance.random() < 0.2:
        return (*path[:at], other, *path[at:])
    kind = chance.randrange(4)
    if kind == 0:
        return (*path[:at], *path[at + 1 :])
    if kind == 1:
        return (*path[:at], _flipped(path[at], chance), *path[at + 1 :])
    if kind == 2:
        return (*path[:at], other, *path[at + 1 :])
    return tuple(chance.sample(path, len(path)))
