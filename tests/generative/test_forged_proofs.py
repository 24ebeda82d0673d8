"""No forged proof is accepted; a naive tree, written straight from the RFC's words, makes the same roots and paths."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proof_forger import forged_consistency, forged_inclusion

from rounds.audit.merkle import (
    EMPTY_ROOT,
    completed,
    consistency_path,
    grew,
    includes,
    inclusion_path,
    leaf_hash,
    node_hash,
    root,
    tree_of,
)

FORGERIES = 3_000

Leaves = tuple[bytes, ...]


def _split(leaves: Leaves) -> tuple[Leaves, Leaves]:
    power = 1
    while power * 2 < len(leaves):
        power *= 2
    return leaves[:power], leaves[power:]


def _root(leaves: Leaves) -> bytes:
    """RFC 9162, section 2.1.1."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    left, right = _split(leaves)
    return node_hash(_root(left), _root(right))


def _path(index: int, leaves: Leaves) -> Leaves:
    """RFC 9162, section 2.1.3.1."""
    if len(leaves) == 1:
        return ()
    left, right = _split(leaves)
    if index < len(left):
        return (*_path(index, left), _root(right))
    return (*_path(index - len(left), right), _root(left))


def _proof(old: int, leaves: Leaves, *, known: bool = True) -> Leaves:
    """RFC 9162, section 2.1.4.1."""
    if old == len(leaves):
        return () if known else (_root(leaves),)
    left, right = _split(leaves)
    if old <= len(left):
        return (*_proof(old, left, known=known), _root(right))
    return (*_proof(old - len(left), right, known=False), _root(left))


@pytest.mark.parametrize("size", range(40))
def test_every_root_and_path_is_the_one_the_rfc_describes(size: int) -> None:
    leaves = tuple(bytes([number]) for number in range(size))
    count, node = tree_of(map(leaf_hash, leaves))
    assert (count, root(size, node)) == (size, _root(leaves))
    assert [inclusion_path(index, size, node) for index in range(size)] == [_path(i, leaves) for i in range(size)]
    assert [consistency_path(old, size, node) for old in range(1, size + 1)] == [
        _proof(old, leaves) for old in range(1, size + 1)
    ]


@given(st.lists(st.binary(max_size=3), max_size=70), st.data())
def test_true_proofs_are_accepted(contents: list[bytes], data: st.DataObject) -> None:
    size, node = tree_of(map(leaf_hash, contents))
    new = data.draw(st.integers(0, size))
    old = data.draw(st.integers(0, new))
    path = consistency_path(old, new, node)
    assert grew(old_root=root(old, node), old=old, new_root=root(new, node), new=new, path=path)
    if old < new:
        path = inclusion_path(old, new, node)
        assert includes(root=root(new, node), size=new, leaf=leaf_hash(contents[old]), index=old, path=path)


def test_forged_proofs_are_refused() -> None:
    """A million of them: `benchmarks/forged_proofs.py`."""
    chance = Random(20250501)  # noqa: S311 - forgeries need no secret
    assert sum(includes(**forged_inclusion(chance)) for _ in range(FORGERIES)) == 0
    assert sum(grew(**forged_consistency(chance)) for _ in range(FORGERIES)) == 0


HASHES = st.lists(st.binary(min_size=30, max_size=34) | st.just(EMPTY_ROOT), max_size=6).map(tuple)
NUMBERS = st.integers(-2, 20)


@given(root=st.binary(max_size=34), leaf=st.binary(max_size=34), index=NUMBERS, size=NUMBERS, path=HASHES)
def test_rubbish_is_no_proof_of_inclusion(root: bytes, leaf: bytes, index: int, size: int, path: Leaves) -> None:
    """A tree of one leaf has no path, and its root is the leaf."""
    assert includes(root=root, size=size, leaf=leaf, index=index, path=path) == (
        size == 1 and index == 0 and not path and root == leaf and len(leaf) == 32
    )


@given(old_root=st.binary(max_size=34), new_root=st.binary(max_size=34), old=NUMBERS, new=NUMBERS, path=HASHES)
def test_rubbish_is_no_proof_of_growth(old_root: bytes, new_root: bytes, old: int, new: int, path: Leaves) -> None:
    assert grew(old_root=old_root, old=old, new_root=new_root, new=new, path=path) == (
        0 < old == new and not path and old_root == new_root and len(old_root) == 32
    )


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_no_path_to_a_leaf_that_is_not_there(index: int, size: int) -> None:
    _, node = tree_of([leaf_hash(b"")] * 3)
    with pytest.raises(ValueError, match="there is no leaf"):
        inclusion_path(index, size, node)


@pytest.mark.parametrize(("old", "new"), [(-1, 3), (3, 2)])
def test_no_path_from_a_larger_tree(old: int, new: int) -> None:
    _, node = tree_of([leaf_hash(b"")] * 3)
    with pytest.raises(ValueError, match="does not begin with"):
        consistency_path(old, new, node)


def test_adding_a_leaf_asks_for_no_more_than_the_trees_height() -> None:
    """Appending to a long log must stay cheap: the 1024th leaf completes ten subtrees and reads one node for each."""
    size, node = tree_of([leaf_hash(b"")] * 1023)
    asked: list[tuple[int, int]] = []

    def counted(level: int, position: int) -> bytes:
        asked.append((level, position))
        return node(level, position)

    assert len(list(completed(size, leaf_hash(b""), counted))) == 11
    assert len(asked) == 10


def test_proofs_that_fit_but_for_their_length_are_refused() -> None:
    """Who chooses the roots can make longer and shorter paths end in them; the sizes say how long a path is."""
    size, node = tree_of(map(leaf_hash, (b"a", b"b", b"c", b"d")))
    three, four, more = root(3, node), root(size, node), leaf_hash(b"more")
    path = consistency_path(3, 4, node)
    assert grew(old_root=three, old=3, new_root=four, new=4, path=path)
    above = {"old_root": node_hash(more, three), "new_root": node_hash(more, four)}
    assert not grew(**above, old=3, new=4, path=(*path, more))
    assert not grew(old_root=three, old=3, new_root=four, new=9, path=path)
    assert not grew(old_root=four, old=4, new_root=four, new=4, path=(more,))
    assert not includes(root=node_hash(more, four), size=1, leaf=four, index=0, path=(more,))
    assert not includes(root=node_hash(four, more), size=3, leaf=four, index=0, path=(more,))
    assert not grew(old_root=three, old=3, new_root=four, new=4, path=())
