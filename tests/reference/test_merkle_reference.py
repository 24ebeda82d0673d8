"""The log's tree is that of RFC 9162: Certificate Transparency's own test vectors, and pymerkle, agree with it."""

import pymerkle
import pytest
from pymerkle.proof import InclusionProof

from rounds.audit.merkle import (
    EMPTY_ROOT,
    Node,
    consistency_path,
    grew,
    includes,
    inclusion_path,
    leaf_hash,
    node_hash,
    root,
    tree_of,
)

HELD_AGAINST = (
    ("The audit log's tree and proofs", "RFC 9162, Certificate Transparency's test vectors, pymerkle 6.1", "exact"),
)

# Source: google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc (leaves, roots, paths and proofs).
LEAVES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
A = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
B = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
C = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
D = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
E = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
F = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
INCLUSION = {(0, 1): (), (0, 8): (A, B, C), (5, 8): (D, E, ROOTS[4]), (2, 3): (ROOTS[2],), (1, 5): (ROOTS[1], B, D)}
CONSISTENCY = {(1, 1): (), (1, 8): (A, B, C), (6, 8): (F, E, ROOTS[4]), (2, 5): (B, D)}

MOST = 300
CONTENTS = tuple(f"entry {number}".encode() for number in range(MOST))
_, NODE = tree_of(leaf_hash(content) for content in CONTENTS)


def _known() -> Node:
    return tree_of(leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES)[1]


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size: int) -> None:
    assert root(size, _known()).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_published_inclusion_paths(index: int, size: int) -> None:
    assert inclusion_path(index, size, _known()) == tuple(map(bytes.fromhex, INCLUSION[index, size]))


@pytest.mark.parametrize(("old", "new"), CONSISTENCY)
def test_published_consistency_paths(old: int, new: int) -> None:
    assert consistency_path(old, new, _known()) == tuple(map(bytes.fromhex, CONSISTENCY[old, new]))


def test_of_leaves_and_nodes_the_published_hashes() -> None:
    """RFC 9162: a leaf begins with 00, an inner node with 01, and no leaves hash to the hash of nothing."""
    assert leaf_hash(b"").hex() == ROOTS[1]
    assert node_hash(leaf_hash(b""), leaf_hash(b"\x00")).hex() == ROOTS[2]
    assert EMPTY_ROOT.hex() == ROOTS[0]


@pytest.fixture(scope="module")
def judge() -> pymerkle.InmemoryTree:
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for content in CONTENTS:
        tree.append_entry(content)
    return tree


def test_pymerkle_has_the_same_root_at_every_size(judge: pymerkle.InmemoryTree) -> None:
    assert [judge.get_root(size) for size in range(1, MOST + 1)] == [root(size, NODE) for size in range(1, MOST + 1)]


@pytest.mark.parametrize("size", [*range(1, 34), 63, 64, 65, 127, 129, 255, 256, 257, MOST])
def test_inclusion_proofs_are_accepted_crosswise(size: int, judge: pymerkle.InmemoryTree) -> None:
    """Theirs is ours with the leaf in front and the turns written down."""
    for index in range(size):
        theirs, base = judge.prove_inclusion(index + 1, size), leaf_hash(CONTENTS[index])
        path = inclusion_path(index, size, NODE)
        assert tuple(theirs.path) == (base, *path)
        assert includes(root=judge.get_root(size), size=size, leaf=base, index=index, path=tuple(theirs.path)[1:])
        ours = InclusionProof("sha256", True, size, index + 1, theirs.rule, [base, *path])
        pymerkle.verify_inclusion(base, root(size, NODE), ours)


@pytest.mark.parametrize("size", [*range(2, 34), 64, 65, 129, 256, MOST])
def test_consistency_proofs_are_accepted_crosswise(size: int, judge: pymerkle.InmemoryTree) -> None:
    """Theirs cuts the trees into other pieces, so each side proves in its own way what the other's roots say."""
    for old in range(1, size):
        theirs = judge.prove_consistency(old, size)
        path = consistency_path(old, size, NODE)
        assert grew(old_root=judge.get_root(old), old=old, new_root=judge.get_root(size), new=size, path=path)
        pymerkle.verify_consistency(root(old, NODE), root(size, NODE), theirs)
