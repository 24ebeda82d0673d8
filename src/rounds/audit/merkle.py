"""A Merkle tree over a log: one hash stands for all of it, and short proofs show what is in it and that it only grew.

Trees are asked for their nodes by a function, so that a proof of a long log reads a few rows of it and not all.

Source: RFC 9162, section 2.1 (Laurie, Messeri and Stradling 2021).
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Node = Callable[[int, int], bytes]
"""Takes a level and a position, both from 0, and returns the hash of the leaves from `position << level` up to the next
`1 << level` of them. It is asked for complete subtrees only."""


def leaf_hash(content: bytes) -> bytes:
    """Return the hash of a leaf, 32 bytes. It can never be taken for that of an inner node."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node, 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def completed(size: int, leaf: bytes, node: Node) -> Iterator[tuple[int, int, bytes]]:
    """Give the subtrees that become complete when a leaf is added, as level, position and hash.

    Args:
        size: leaves before.
        leaf: the hash of the new one.
        node: the tree before.
    """
    level, position, whole = 0, size, leaf
    yield level, position, whole
    while position % 2:
        whole = node_hash(node(level, position - 1), whole)
        level, position = level + 1, position // 2
        yield level, position, whole


def tree_of(leaves: Iterable[bytes]) -> tuple[int, Node]:
    """Return how many leaves there are and the nodes of their tree, held in memory.

    Args:
        leaves: the hash of each leaf.
    """
    nodes: dict[tuple[int, int], bytes] = {}

    def node(level: int, position: int) -> bytes:
        return nodes[level, position]

    size = 0
    for leaf in leaves:
        for level, position, whole in completed(size, leaf, node):
            nodes[level, position] = whole
        size += 1
    return size, node


def root(size: int, node: Node) -> bytes:
    """Return the root of a tree's first `size` leaves, 32 bytes."""
    return _subtree(0, size, node) if size else EMPTY_ROOT


def inclusion_path(index: int, size: int, node: Node) -> tuple[bytes, ...]:
    """Return the proof that a leaf is in a tree: the hashes beside its way to the root, nearest first.

    Args:
        index: which leaf, from 0.
        size: leaves of the tree, which may have grown since.
        node: the tree.

    Raises:
        ValueError: if there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} among {size}")
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_subtree(middle, end, node))
            end = middle
        else:
            path.append(_subtree(start, middle, node))
            start = middle
    return tuple(reversed(path))


def consistency_path(old: int, new: int, node: Node) -> tuple[bytes, ...]:
    """Return the proof that a tree of `new` leaves begins with the tree of `old` leaves. From no leaves it is empty.

    Raises:
        ValueError: if the sizes are out of order.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves does not begin with one of {old}")
    if old in {0, new}:
        return ()
    start, end, path = 0, new, []
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_subtree(middle, end, node))
            end = middle
        else:
            path.append(_subtree(start, middle, node))
            start = middle
    if start:
        path.append(_subtree(start, end, node))
    return tuple(reversed(path))


def includes(*, root: bytes, size: int, leaf: bytes, index: int, path: tuple[bytes, ...]) -> bool:
    """Return whether a path proves that a leaf is in the tree with this root.

    Args:
        root: of the tree.
        size: leaves of the tree.
        leaf: the hash of the leaf.
        index: which leaf, from 0.
        path: as `inclusion_path` makes it.

    Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size or not _are_hashes(root, leaf, *path):
        return False
    first, last, found = index, size - 1, leaf
    for beside in path:
        if last == 0:
            return False
        if first % 2 or first == last:
            found = node_hash(beside, found)
            while first % 2 == 0 and first:
                first, last = first >> 1, last >> 1
        else:
            found = node_hash(found, beside)
        first, last = first >> 1, last >> 1
    return last == 0 and found == root


def grew(*, old_root: bytes, old: int, new_root: bytes, new: int, path: tuple[bytes, ...]) -> bool:
    """Return whether a path proves that the tree with the new root begins with that of the old root.

    Args:
        old_root: of the tree then.
        old: leaves then.
        new_root: of the tree now.
        new: leaves now.
        path: as `consistency_path` makes it.

    Source: RFC 9162, section 2.1.4.2.
    """
    if not 0 <= old <= new or not _are_hashes(old_root, new_root, *path):
        return False
    if old == new:
        return not path and old_root == new_root and (old > 0 or old_root == EMPTY_ROOT)
    if old == 0:
        return not path and old_root == EMPTY_ROOT
    if old & (old - 1) == 0:
        path = (old_root, *path)
    if not path:
        return False
    first, last = old - 1, new - 1
    while first % 2:
        first, last = first >> 1, last >> 1
    then = now = path[0]
    for beside in path[1:]:
        if last == 0:
            return False
        if first % 2 or first == last:
            then, now = node_hash(beside, then), node_hash(beside, now)
            while first % 2 == 0 and first:
                first, last = first >> 1, last >> 1
        else:
            now = node_hash(now, beside)
        first, last = first >> 1, last >> 1
    return last == 0 and then == old_root and now == new_root


def _subtree(start: int, end: int, node: Node) -> bytes:
    """Return the root of the leaves from `start` to before `end`, which begin where a subtree of that width can."""
    width = end - start
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(width)
    return node_hash(_subtree(start, middle, node), _subtree(middle, end, node))


def _split(width: int) -> int:
    """Return the largest power of two below a width of at least 2."""
    return 1 << ((width - 1).bit_length() - 1)


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_BYTES for value in values)
