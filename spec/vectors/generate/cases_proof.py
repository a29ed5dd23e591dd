"""RFC 6962 proofs, and the files of tlog-proof."""

import merkle
from cast import (A, LOG, LOG_NEW, LOG_PQ, STRANGER, TREE, W1, W1_PQ, W2, W3, checkpoint, entry)
from vectors import File
from words import b64, body, hash_lines, line, noise, note, sha256

INCLUSION, CONSISTENCY = "RFC 6962 section 2.1.1", "RFC 6962 section 2.1.2"
FORMAT, VERIFYING = "Format", "Verifying a tlog proof"


def texts(hashes):
    return [b64(one) for one in hashes]


def flipped(value):
    return value[:-1] + bytes([value[-1] ^ 1])


def inclusion(file):
    def case(name, index, size, path, because, leaf=None, root=None):
        leaf, root = leaf or TREE.leaves[index], root or TREE.size_root(size)
        fields = {"index": index, "size": size, "leaf": b64(leaf), "path": texts(path), "root": b64(root)}
        valid = merkle.is_inclusion(leaf, index, size, path, root)
        make = file.ok if valid else file.error
        make("inclusion", name, INCLUSION, because, **fields)
        return valid

    for size in (1, 2, 3, 4, 5, 6, 7, 8, 9, 255, 256, 257, 70_000):
        indexes = range(size) if size < 10 else (0, 1, size // 2, size - 2, size - 1)
        for index in indexes:
            assert case(f"entry_{index}_of_{size}", index, size, TREE.inclusion(index, size), "PATH(m, D[n])")
    for index, size in ((0, 1), (3, 7), (6, 7), (4, 8), (256, 257), (69_999, 70_000)):
        path, at = TREE.inclusion(index, size), f"entry_{index}_of_{size}"

        def bad(name, index=index, size=size, path=path, because="It does not lead to the root.", **fields):
            assert not case(f"{at}_{name}", index, size, path, because, **fields)

        bad("with_another_root", root=sha256(b"root"))
        bad("with_another_leaf", leaf=sha256(b"leaf"))
        bad("with_a_hash_more", path=path + [sha256(b"more")], because="The length of the path follows from the size.")
        bad("with_a_hash_in_front", path=[sha256(b"more")] + path, because="The length of the path follows from the size.")
        bad("at_the_index_after_the_last", index=size, leaf=TREE.leaves[index], because="The index is below the size.")
        if path:
            bad("with_a_hash_less", path=path[:-1], because="The length of the path follows from the size.")
            bad("without_its_first_hash", path=path[1:], because="The length of the path follows from the size.")
            bad("with_no_path", path=[], because="The length of the path follows from the size.")
            bad("with_a_flipped_first_hash", path=[flipped(path[0])] + path[1:])
            bad("with_a_flipped_last_hash", path=path[:-1] + [flipped(path[-1])])
            bad("at_the_index_before", index=index - 1 if index else 1, leaf=TREE.leaves[index])
        if len(path) > 1:
            bad("with_its_path_reversed", path=path[::-1])
    assert not case("entry_0_of_the_empty_tree", 0, 0, [], "The index is below the size.", root=merkle.EMPTY_ROOT)
    assert not case("a_node_is_no_leaf", 0, 2, TREE.inclusion(0, 4)[1:], "The path of a leaf in a tree of 2 has one hash, "
                    "and leaves and nodes are hashed with different prefixes.", leaf=TREE.root(0, 2), root=TREE.size_root(2))


def consistency(file):
    def case(name, old, size, proof, because, old_root=None, root=None):
        old_root, root = old_root or TREE.size_root(old), root or TREE.size_root(size)
        fields = {"old_size": old, "old_root": b64(old_root), "size": size, "root": b64(root), "proof": texts(proof)}
        valid = merkle.is_consistent(old, old_root, size, root, proof)
        make = file.ok if valid else file.error
        make("consistency", name, CONSISTENCY, because, **fields)
        return valid

    pairs = [(old, size) for size in range(1, 9) for old in range(1, size + 1)]
    pairs += [(1, 257), (255, 256), (256, 257), (256, 512), (200, 70_000), (65_536, 65_537), (65_535, 70_000)]
    for old, size in pairs:
        assert case(f"from_{old}_to_{size}", old, size, TREE.consistency(old, size), "PROOF(m, D[n])")
    empty = "Every tree is consistent with the empty one; no proof is needed (tlog-witness, add-checkpoint)."
    assert case("from_0_to_5", 0, 5, [], empty)
    assert case("from_0_to_0", 0, 0, [], empty)
    assert not case("from_0_to_5_with_a_proof", 0, 5, [sha256(b"x")], empty)
    assert not case("from_0_to_5_with_another_old_root", 0, 5, [], "The root of the empty tree is known.",
                    old_root=sha256(b"x"))
    assert not case("from_0_to_0_with_another_root", 0, 0, [], "The root of the empty tree is known.", root=sha256(b"x"))
    for old, size in ((1, 2), (3, 7), (4, 7), (6, 8), (4, 8), (8, 8), (256, 257), (65_535, 70_000)):
        proof, at = TREE.consistency(old, size), f"from_{old}_to_{size}"

        def bad(name, old=old, size=size, proof=proof, because="It does not lead to both roots.", **fields):
            assert not case(f"{at}_{name}", old, size, proof, because, **fields)

        bad("with_another_old_root", old_root=sha256(b"old"))
        bad("with_another_root", root=sha256(b"new"))
        bad("with_a_hash_more", proof=proof + [sha256(b"more")], because="The length of the proof follows from the sizes.")
        if old != size:
            bad("backwards", old=size, size=old, because="The old size is at most the new one.")
            bad("with_its_roots_exchanged", old_root=TREE.size_root(size), root=TREE.size_root(old))
        if proof:
            bad("with_a_hash_less", proof=proof[:-1], because="The length of the proof follows from the sizes.")
            bad("with_no_proof", proof=[], because="The length of the proof follows from the sizes.")
            bad("with_a_flipped_first_hash", proof=[flipped(proof[0])] + proof[1:])
            bad("with_a_flipped_last_hash", proof=proof[:-1] + [flipped(proof[-1])])
        if old & (old - 1) == 0 and old != size:
            bad("with_the_old_root_in_front", proof=[TREE.size_root(old)] + proof,
                because="A complete old tree is a node of the new one and left out of the proof.")


def file_text(index=3, size=7, extra=None, path=None, checkpoint_=None, header="c2sp.org/tlog-proof@v1"):
    path = TREE.inclusion(index, size) if path is None else path
    extra = "" if extra is None else f"extra {extra}\n"
    return f"{header}\n{extra}index {index}\n{hash_lines(path)}\n{checkpoint_ or signed(size)}"


def signed(size, *cosigners):
    text = checkpoint(size)
    return note(text, LOG.sign(text), *(one.cosign(text) for one in cosigners))


def files(file):
    def ok(name, text, because, index=3, size=7, extra=None, basis="must"):
        result = {"extra": None if extra is None else b64(extra), "index": index,
                  "path": texts(TREE.inclusion(index, size)), "checkpoint": text.split("\n\n", 1)[1]}
        file.ok("parse", name, FORMAT, because, result, basis, proof=text)

    lines = "Header, optional extra line, index line, hash lines, an empty line, the checkpoint verbatim."
    ok("a_proof", file_text(), lines)
    ok("a_proof_with_extra_data", file_text(extra=b64(b"salt")), lines, extra=b"salt")
    ok("a_proof_with_extra_data_that_is_no_text", file_text(extra=b64(noise("extra", 64))), lines, extra=noise("extra", 64))
    ok("a_proof_of_the_only_entry_has_no_hashes", file_text(0, 1), "Zero or more hash lines.", 0, 1)
    ok("a_proof_with_cosignatures", file_text(checkpoint_=signed(7, W1, W1_PQ)), lines)
    good = file_text()

    def bad(name, text, because=lines, basis="must"):
        assert text != good, name
        file.error("parse", name, FORMAT, because, basis, proof=text)

    bad("a_proof_of_no_bytes", "")
    bad("a_proof_of_version_2", file_text(header="c2sp.org/tlog-proof@v2"), "The first line is fixed.")
    bad("a_header_with_a_space_behind_it", file_text(header="c2sp.org/tlog-proof@v1 "), "The first line is fixed.")
    bad("a_header_in_upper_case", file_text(header="C2SP.org/tlog-proof@v1"), "The first line is fixed.")
    bad("a_proof_without_its_header", good.split("\n", 1)[1], "The first line is fixed.")
    bad("a_proof_with_carriage_returns", good.replace("\n", "\r\n"), "Lines are separated by U+000A.")
    bad("two_extra_lines", file_text(extra="AAAA\nextra AAAA"))
    bad("an_extra_line_after_the_index", good.replace("index 3\n", "index 3\nextra AAAA\n"))
    bad("extra_data_without_padding", file_text(extra="AA"), "Base64 of RFC 4648 section 4.")
    bad("extra_data_in_the_url_safe_alphabet", file_text(extra="-_-_"), "Base64 of RFC 4648 section 4.")
    bad("extra_data_with_slack_bits", file_text(extra="AAB="), "RFC 4648 section 3.5: unused bits are zero.", "implied")
    bad("extra_without_a_space", good.replace("index 3", "extraAAAA\nindex 3"))
    bad("an_unknown_line_before_the_index", good.replace("index 3", "other x\nindex 3"))
    bad("no_index_line", good.replace("index 3\n", ""))
    bad("two_index_lines", good.replace("index 3\n", "index 3\nindex 3\n"))
    decimal = "ASCII decimal with no leading zeroes."
    for name, text in (("a_leading_zero", "03"), ("a_plus_sign", "+3"), ("a_minus_sign", "-3"), ("no_digits", ""),
                       ("two_spaces", " 3"), ("a_space_behind_it", "3 "), ("hexadecimal_digits", "0x3")):
        bad(f"an_index_with_{name}", good.replace("index 3\n", f"index {text}\n"), decimal)
    base = "One base64 SHA-256 hash per line."
    first = b64(TREE.inclusion(3, 7)[0])
    for name, text in (("without_padding", first[:-1]), ("of_31_bytes", b64(noise("31", 31))),
                       ("of_33_bytes", b64(noise("33", 33))), ("with_a_space_behind_it", first + " "),
                       ("in_hex", TREE.inclusion(3, 7)[0].hex())):
        bad(f"a_hash_line_{name}", good.replace(first, text), base)
    bad("no_empty_line_before_the_checkpoint", good.replace("\n\n", "\n", 1))
    bad("no_checkpoint", good.split("\n\n")[0] + "\n\n", "The checkpoint is included verbatim.")
    bad("a_proof_that_ends_in_its_hash_lines", good.split("\n\n")[0] + "\n", "The checkpoint is included verbatim.")
    file.either("parse", "an_empty_extra_line", FORMAT, "If no extra data is present the line is omitted; that a reader "
                "must refuse an empty one is not said.", proof=file_text(extra=""))
    file.either("parse", "a_path_of_64_hashes", FORMAT, "No bound is given; no tree of 64-bit size has so long a path.",
                proof=file_text(path=[sha256(bytes([i])) for i in range(64)]))


def judged(file):
    policy = (f"log {LOG.vkey}\nwitness w1 {W1.vkey}\nwitness w2 {W2.vkey}\nwitness w3 {W3.vkey}\n"
              "group two 2 w1 w2 w3\nquorum two\n")
    good = signed(7, W1, W2)
    text = checkpoint(7)

    def case(make, name, because, number=2, basis="must", **fields):
        changed = {"checkpoint_": good} | {key: value for key, value in fields.items() if key != "entry"}
        make("verify", name, VERIFYING, f"Step {number}: {because}", basis=basis, policy=policy,
             entry=fields.get("entry", entry(3).decode()), proof=file_text(**changed))

    file.ok("verify", "a_proof_that_holds", VERIFYING, "All steps succeed.", {"index": 3}, policy=policy,
            entry=entry(3).decode(), proof=file_text(checkpoint_=good))
    bad = file.error
    case(bad, "a_proof_of_another_entry", "the path binds the leaf hash to the root.", 4, entry="entry 4")
    case(bad, "a_proof_at_another_index", "the path binds the leaf hash to its index.", 4, index=2,
         path=TREE.inclusion(3, 7))
    case(bad, "a_proof_with_a_flipped_hash", "the path binds the leaf hash to the root.", 4,
         path=[flipped(TREE.inclusion(3, 7)[0])] + TREE.inclusion(3, 7)[1:])
    case(bad, "a_proof_with_a_hash_too_many", "the path has the length of the tree.", 4,
         path=TREE.inclusion(3, 7) + [sha256(b"more")])
    case(bad, "a_proof_with_a_hash_too_few", "the path has the length of the tree.", 4, path=TREE.inclusion(3, 7)[:-1])
    case(bad, "a_proof_from_a_tree_of_another_size", "the path leads to the signed root.", 4, path=TREE.inclusion(3, 8))
    case(bad, "a_proof_whose_log_did_not_sign", "a key configured for the origin signed.",
         checkpoint_=note(text, W1.cosign(text), W2.cosign(text)))
    case(bad, "a_proof_signed_by_another_key_of_the_same_name", "a key configured for the origin signed.",
         checkpoint_=note(text, LOG_NEW.sign(text), W1.cosign(text), W2.cosign(text)))
    foreign = checkpoint(7, "log.example/c")
    case(bad, "a_proof_of_an_unknown_origin", "the origin is acceptable.",
         checkpoint_=note(foreign, LOG.renamed("log.example/c").sign(foreign), W1.cosign(foreign), W2.cosign(foreign)))
    case(bad, "a_proof_with_too_few_cosignatures", "two of three witnesses are needed.", 3, checkpoint_=signed(7, W1))
    case(bad, "a_proof_cosigned_by_a_stranger", "two of three known witnesses are needed.", 3,
         checkpoint_=note(text, LOG.sign(text), W1.cosign(text), STRANGER.sign(text)))
    case(bad, "a_proof_with_one_witness_twice", "two witnesses are needed, not two lines.", 3,
         checkpoint_=note(text, LOG.sign(text), W1.cosign(text), W1.cosign(text, 1)))
    case(bad, "a_proof_with_a_cosignature_of_another_checkpoint", "each cosignature is verified.", 3,
         checkpoint_=note(text, LOG.sign(text), W1.cosign(text), W2.cosign(checkpoint(8))))
    case(bad, "a_proof_with_a_checkpoint_that_is_no_note", "the checkpoint is signed.",
         checkpoint_=text)


def build():
    file = File("proof", ["https://c2sp.org/tlog-proof", "https://www.rfc-editor.org/rfc/rfc6962"])
    inclusion(file)
    consistency(file)
    files(file)
    judged(file)
    return file
