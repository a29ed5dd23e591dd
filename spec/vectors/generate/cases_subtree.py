"""Subtrees and their consistency proofs, as tlog-witness (sign-subtree) and tlog-mirror use them."""

import merkle
from cast import TREE
from vectors import File
from words import b64, sha256

DRAFT = "draft-ietf-plants-merkle-tree-certs-03, section"
SUBTREE, PROOF = f"{DRAFT} 4.1", f"{DRAFT} 4.4"


def flipped(value):
    return value[:-1] + bytes([value[-1] ^ 1])


def validity(file):
    rule = "start is a multiple of the smallest power of two that is not below end - start."
    pairs = [(0, 1), (0, 2), (0, 3), (0, 7), (1, 2), (2, 4), (2, 3), (4, 7), (8, 13), (8, 16), (1, 3), (3, 5), (2, 5),
             (4, 9), (6, 9), (5, 6), (12, 14), (12, 15), (12, 17), (255, 256), (255, 257), (256, 512), (256, 511),
             (256, 513), (2**62, 2**63), (2**62, 2**63 - 1), (2**62 + 1, 2**63), (0, 2**63 - 1), (2**32, 2**33)]
    for start, end in pairs:
        make = file.ok if merkle.is_valid_subtree(start, end) else file.error
        make("subtree", f"the_range_{start}_to_{end}", SUBTREE, rule, start=start, end=end)
    for start, end in ((2, 1), (5, 0), (2**63 - 1, 1)):
        file.error("subtree", f"the_range_{start}_to_{end}_backwards", SUBTREE, "start is not above end.", start=start, end=end)
    for at in (0, 5):
        file.either("subtree", f"the_empty_range_at_{at}", SUBTREE, "Some versions of the draft allow start = end, "
                    "others do not.", start=at, end=at)
    for start, end in ((0, 2**63), (0, 2**64 - 1)):
        file.either("subtree", f"the_range_{start}_to_{end}", SUBTREE,
                    "It is a subtree; trees beyond 2^63-1 entries are not in reach of every implementation.",
                    start=start, end=end)


def consistency(file):
    def case(name, start, end, size, proof, because, subtree=None, root=None):
        subtree, root = subtree or TREE.root(start, end), root or TREE.size_root(size)
        valid = merkle.is_subtree_consistent(start, end, subtree, size, root, proof)
        make = file.ok if valid else file.error
        make("consistency", name, PROOF, because, start=start, end=end, size=size, subtree=b64(subtree), root=b64(root),
             proof=[b64(one) for one in proof])
        return valid

    made = "SUBTREE_PROOF(start, end, D[n])"
    small = [(start, end, size) for size in (1, 2, 3, 5, 7, 8, 13, 14) for end in range(1, size + 1)
             for start in range(end) if merkle.is_valid_subtree(start, end)]
    large = [(8, 13, 14), (0, 256, 257), (256, 257, 257), (256, 300, 300), (256, 300, 700), (512, 700, 700),
             (256, 512, 70_000), (65_536, 70_000, 70_000), (69_888, 70_000, 70_000), (0, 65_536, 70_000), (69_999, 70_000, 70_000)]
    for start, end, size in dict.fromkeys(small[::3] + large):
        proof = TREE.subtree_consistency(start, end, size)
        assert case(f"{start}_to_{end}_of_{size}", start, end, size, proof, made)
    for start, end, size in ((8, 13, 14), (4, 7, 8), (4, 8, 14), (0, 5, 13), (256, 300, 700), (2, 3, 5)):
        proof, at = TREE.subtree_consistency(start, end, size), f"{start}_to_{end}_of_{size}"

        def bad(name, proof=proof, because="It does not lead to both hashes.", **fields):
            assert not case(f"{at}_{name}", start, end, fields.pop("size", size), proof, because, **fields)

        bad("with_another_subtree", subtree=sha256(b"subtree"))
        bad("with_another_root", root=sha256(b"root"))
        bad("with_a_hash_more", proof=proof + [sha256(b"more")], because="The length follows from start, end and size.")
        bad("with_a_hash_less", proof=proof[:-1], because="The length follows from start, end and size.")
        bad("with_no_proof", proof=[], because="The length follows from start, end and size.")
        bad("with_a_flipped_first_hash", proof=[flipped(proof[0])] + proof[1:])
        bad("with_a_flipped_last_hash", proof=proof[:-1] + [flipped(proof[-1])])
        bad("beyond_the_tree", size=end - 1, root=TREE.size_root(size), because="end is at most the size of the tree.")
        if len(proof) > 1:
            bad("with_its_proof_reversed", proof=proof[::-1])
    assert not case("an_unaligned_range_of_a_real_tree", 1, 3, 8, TREE.subtree_consistency(0, 2, 8),
                    "[1, 3) is no subtree.", subtree=TREE.root(0, 2))


def build():
    file = File("subtree", ["https://c2sp.org/tlog-witness", "https://c2sp.org/tlog-mirror",
                            "https://datatracker.ietf.org/doc/html/draft-ietf-plants-merkle-tree-certs-03"])
    validity(file)
    consistency(file)
    return file
