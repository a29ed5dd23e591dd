"""RFC 6962 trees by the recursive definitions of section 2.1, and subtrees by those of the draft
`draft-ietf-plants-merkle-tree-certs-03`, section 4. Slow and short on purpose: the programs under
test are fast and long, so the two do not share their mistakes."""

import hashlib

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(n):
    """The largest power of two below n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


class Tree:
    """A tree over leaf hashes, with its roots kept by range."""

    def __init__(self, leaves):
        self.leaves = list(leaves)
        self._kept = {}

    def root(self, start, end):
        """MTH(D[start:end])."""
        if start == end:
            return EMPTY_ROOT
        if end - start == 1:
            return self.leaves[start]
        found = self._kept.get((start, end))
        if found is None:
            k = start + split(end - start)
            found = node_hash(self.root(start, k), self.root(k, end))
            self._kept[start, end] = found
        return found

    def size_root(self, size):
        return self.root(0, size)

    def inclusion(self, index, size):
        """PATH(index, D[size]), the leaf's sibling first."""
        return self._path(index, 0, size)

    def _path(self, index, start, end):
        if end - start == 1:
            return []
        k = start + split(end - start)
        if index < k:
            return self._path(index, start, k) + [self.root(k, end)]
        return self._path(index, k, end) + [self.root(start, k)]

    def consistency(self, old, size):
        """PROOF(old, D[size]) for 0 < old; from the empty tree nothing is to be proven."""
        if old == 0:
            return []
        return self.subtree_consistency(0, old, size)

    def subtree_consistency(self, start, end, size):
        """SUBTREE_PROOF(start, end, D[size]); with start = 0 it is PROOF(end, D[size])."""
        return self._subproof(start, end, 0, size, True)

    def _subproof(self, start, end, low, high, known):
        if (start, end) == (low, high):
            return [] if known else [self.root(low, high)]
        k = low + split(high - low)
        if end <= k:
            return self._subproof(start, end, low, k, known) + [self.root(k, high)]
        if k <= start:
            return self._subproof(start, end, k, high, known) + [self.root(low, k)]
        # A valid subtree that crosses k begins where the range does.
        assert start == low, (start, end, low, high)
        return self._subproof(k, end, k, high, False) + [self.root(low, k)]


def is_valid_subtree(start, end):
    """Section 4.1: not empty, and start is a multiple of the power of two that holds the size."""
    if not 0 <= start < end:
        return False
    ceiling = 1
    while ceiling < end - start:
        ceiling *= 2
    return start % ceiling == 0


def is_inclusion(leaf, index, size, path, root):
    """Walks PATH from the root down: what remains of the path must end at the leaf."""
    if not 0 <= index < size:
        return False

    def walk(low, high, rest):
        if high - low == 1:
            return leaf if not rest else None
        if not rest:
            return None
        k = low + split(high - low)
        if index < k:
            below = walk(low, k, rest[:-1])
            return below and node_hash(below, rest[-1])
        below = walk(k, high, rest[:-1])
        return below and node_hash(rest[-1], below)

    return walk(0, size, list(path)) == root


def is_subtree_consistent(start, end, subtree, size, root, proof):
    """Rebuilds both the subtree's hash and the tree's root from one proof."""
    if not is_valid_subtree(start, end) or end > size:
        return False

    def walk(low, high, rest, known):
        """The pair (hash of the part of the subtree in this range, root of this range)."""
        if (start, end) == (low, high):
            # Only an untouched left edge leads here with `known`.
            return (subtree, subtree) if known and not rest else None
        if not known and low >= start and high == end:
            return (rest[0], rest[0]) if len(rest) == 1 else None
        if not rest:
            return None
        k = low + split(high - low)
        if end <= k:
            below = walk(low, k, rest[:-1], known)
            return below and (below[0], node_hash(below[1], rest[-1]))
        if start >= k:
            below = walk(k, high, rest[:-1], known)
            return below and (below[0], node_hash(rest[-1], below[1]))
        below = walk(k, high, rest[:-1], False)
        return below and (node_hash(rest[-1], below[0]), node_hash(rest[-1], below[1]))

    return walk(0, size, list(proof), True) == (subtree, root)


def is_consistent(old, old_root, size, root, proof):
    if old > size:
        return False
    if old == 0:
        return old_root == EMPTY_ROOT and not proof and (size > 0 or root == EMPTY_ROOT)
    return is_subtree_consistent(0, old, old_root, size, root, proof)
