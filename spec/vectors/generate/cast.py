"""Who appears in the cases: two logs, five witnesses, a mirror, and strangers; and one tree."""

import merkle
from words import COSIGNATURE, ECDSA, ED25519, ML_DSA, Key, body

LOG = Key("log", "log.example/a", ED25519)
LOG_PQ = Key("log-pq", "log.example/a", ML_DSA)
LOG_NEW = Key("log-new", "log.example/a", ED25519)
LOG_B = Key("log-b", "log.example/b", ED25519)
OTHER_NAME = Key("other-name", "keys.example/of-log-a", ED25519)
W1 = Key("w1", "witness.example/w1", COSIGNATURE)
W1_PQ = Key("w1-pq", "witness.example/w1", ML_DSA)
W2 = Key("w2", "witness.example/w2", COSIGNATURE)
W3 = Key("w3", "witness.example/w3", COSIGNATURE)
W4 = Key("w4", "witness.example/w4", COSIGNATURE)
W5 = Key("w5", "witness.example/w5", COSIGNATURE)
STRANGER = Key("stranger", "stranger.example/s", ED25519)
STRANGER_PQ = Key("stranger-pq", "stranger.example/s", ML_DSA)
SOMEBODY_ECDSA = Key("ecdsa", "ecdsa.example/e", ECDSA)

A, B = LOG.name, LOG_B.name


def entry(index):
    """The entries of every tree here: `entry 0`, `entry 1`, ..."""
    return f"entry {index}".encode()


TREE = merkle.Tree(merkle.leaf_hash(entry(index)) for index in range(70_000))
# Agrees with TREE on the first three entries and on nothing later.
FORK = merkle.Tree(
    merkle.leaf_hash(entry(index) if index < 3 else b"other") for index in range(16)
)


def checkpoint(size, origin=A, tree=TREE, *extensions):
    """The text of a checkpoint of the tree."""
    return body(origin, size, tree.size_root(size), *extensions)
