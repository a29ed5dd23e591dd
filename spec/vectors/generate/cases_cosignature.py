"""tlog-cosignature: the two messages, and cosignature lines of both types."""

import struct

from cast import A, LOG, TREE, W1, W1_PQ, checkpoint
from vectors import File, exact
from words import COSIGNATURE, ML_DSA, TIME, Key, b64, body, ed25519_message, key_id, sha256, subtree_message

FORMAT, ED, PQ = "Format", "Ed25519 signed message", "ML-DSA-44 signed message"
TEXT = checkpoint(3)
LATEST = 2**63 - 1


def messages(file):
    def message(name, key, because, section, text=TEXT, timestamp=TIME, basis="must"):
        file.ok("message", name, section, because, exact(key.message(text, timestamp)), basis, type=key.type,
                cosigner=key.name, timestamp=timestamp, body=text)

    header = "Header line, time line with an ASCII decimal, then the note body with its final newline."
    struct_ = "label, name, timestamp, origin, start, end, hash; names behind one length byte, integers big-endian."
    message("the_message_of_the_ed25519_example", W1, header, ED, body("example.com/behind-the-sofa", 20852163,
            bytes.fromhex("0ac5185a91863e8e1d90c8080148a89bf5da8e3ee1d9f07630f0378f68f1ab62")), 1679315147)
    message("an_ed25519_message", W1, header, ED)
    message("an_ed25519_message_at_time_0", W1, header, ED, timestamp=0, basis="implied")
    message("an_ed25519_message_at_the_last_time", W1, header, ED, timestamp=LATEST)
    message("an_ed25519_message_of_an_empty_tree", W1, header, ED, checkpoint(0))
    message("an_ed25519_message_holds_the_extension_lines", W1, "Extension lines must be included in the message.", ED,
            TEXT + "an extension\n")
    message("an_ml_dsa_44_message", W1_PQ, struct_, PQ)
    message("an_ml_dsa_44_message_of_an_empty_tree", W1_PQ, struct_, PQ, checkpoint(0))
    message("an_ml_dsa_44_message_at_the_last_time", W1_PQ, struct_, PQ, timestamp=LATEST)
    message("an_ml_dsa_44_message_without_a_time", W1_PQ, "The timestamp may be zero.", PQ, timestamp=0)
    message("an_ml_dsa_44_message_leaves_extension_lines_out", W1_PQ, "Extension lines are not part of the message.",
            PQ, TEXT + "an extension\n")
    message("an_ml_dsa_44_message_of_a_large_tree", W1_PQ, struct_, PQ, body(A, 2**63 - 1, TREE.size_root(3)))
    message("an_ml_dsa_44_message_with_the_longest_names", Key("long", "n" * 255, ML_DSA), struct_, PQ,
            body("o" * 255, 3, TREE.size_root(3)))
    message("an_ml_dsa_44_message_counts_bytes_and_not_characters", Key("utf8", "\u03b4.example", ML_DSA),
            "Lengths are in bytes.", PQ, body("\u03b4.example/\u03b4", 3, TREE.size_root(3)))
    for name, cosigner, origin in (("a_name_of_256_bytes_has_no_message", "n" * 256, A),
                                   ("an_origin_of_256_bytes_has_no_message", W1_PQ.name, "o" * 256)):
        file.error("message", name, PQ, "opaque<1..2^8-1>: at most 255 bytes.", type=ML_DSA, cosigner=cosigner,
                   timestamp=TIME, body=body(origin, 3, TREE.size_root(3)))


def subtrees(file):
    hash_ = TREE.root(8, 13)

    def fields(start, end, timestamp):
        return {"cosigner": W1_PQ.name, "timestamp": timestamp, "origin": A, "start": start, "end": end,
                "hash": b64(hash_)}

    file.ok("subtree_message", "a_subtree_message", PQ, "start is the first leaf, end one past the last.",
            exact(subtree_message(W1_PQ.name, 0, A, 8, 13, hash_)), **fields(8, 13, 0))
    file.ok("subtree_message", "a_subtree_from_0_may_have_a_time", PQ, "Only if start is not zero the time must be.",
            exact(subtree_message(W1_PQ.name, TIME, A, 0, 13, hash_)), **fields(0, 13, TIME))
    file.error("subtree_message", "a_subtree_that_starts_later_with_a_time", PQ,
               "If start is not zero, the timestamp must be zero.", **fields(8, 13, TIME))
    file.error("subtree_message", "a_subtree_that_starts_later_at_time_1", PQ,
               "If start is not zero, the timestamp must be zero.", **fields(8, 13, 1))


def accepted(file):
    def ok(name, key, because, section=FORMAT, timestamp=TIME, text=TEXT, basis="must", line=None):
        # Lines that a deterministic signer with the seed of the key makes byte for byte.
        again = {} if line else {"deterministic": True}
        file.ok("verify", name, section, because, {"timestamp": timestamp}, basis, body=text, key=key.label,
                line=line or key.cosign(text, timestamp), **again)

    ok("an_ed25519_cosignature", W1, "timestamp, then 64 bytes of signature.")
    ok("an_ml_dsa_44_cosignature", W1_PQ, "timestamp, then 2420 bytes of signature.")
    ok("an_ed25519_cosignature_of_an_empty_tree", W1, "Every checkpoint can be cosigned.", text=checkpoint(0))
    ok("an_ml_dsa_44_cosignature_of_an_empty_tree", W1_PQ, "Every checkpoint can be cosigned.", text=checkpoint(0))
    ok("an_ed25519_cosignature_at_the_last_time", W1, "The timestamp must not exceed 2^63-1.", timestamp=LATEST)
    ok("an_ml_dsa_44_cosignature_at_the_last_time", W1_PQ, "The timestamp must not exceed 2^63-1.", timestamp=LATEST)
    ok("an_ml_dsa_44_cosignature_without_a_time", W1_PQ, "The timestamp may be zero if no statement is made as to the "
       "largest tree. (A witness that answers add-checkpoint must state a time.)", PQ, 0)
    ok("an_ed25519_cosignature_with_extension_lines", W1, "Extension lines are part of the message.", ED,
       text=TEXT + "an extension\n")
    ok("an_ml_dsa_44_cosignature_beside_extension_lines", W1_PQ, "No statement is made about them.", PQ,
       text=TEXT + "an extension\n", line=W1_PQ.cosign(TEXT))
    file.either("verify", "an_ed25519_cosignature_at_time_0", FORMAT,
                "Zero is the time 1970, which no witness signs at; only for ML-DSA-44 it has a meaning of its own.",
                body=TEXT, key=W1.label, line=W1.cosign(TEXT, 0))
    other = W1.renamed("witness.example/other")
    ok("an_ed25519_cosignature_does_not_commit_to_the_name", W1, "The message does not hold the name, which is why "
       "cosigners with different statements must not share an Ed25519 key.", ED,
       line=W1.line(struct.pack(">Q", TIME) + other.raw(other.message(TEXT, TIME))))


def both(file, name, section, because, make, basis="must"):
    """The same fault in both types."""
    for key, kind in ((W1, "ed25519"), (W1_PQ, "ml_dsa_44")):
        file.error("verify", f"{name}_{kind}", section, because, basis, body=TEXT, key=key.label, line=make(key))


def refused(file):
    at = struct.pack(">Q", TIME)
    both(file, "a_time_that_was_changed", FORMAT, "The timestamp is signed.",
         lambda key: key.line(struct.pack(">Q", TIME + 1) + key.raw(key.message(TEXT, TIME))))
    both(file, "a_time_in_little_endian", FORMAT, "The timestamp is in big-endian order.",
         lambda key: key.line(struct.pack("<Q", TIME) + key.raw(key.message(TEXT, TIME))))
    both(file, "a_time_of_32_bits", FORMAT, "The timestamp is a u64.",
         lambda key: key.line(struct.pack(">I", TIME) + key.raw(key.message(TEXT, TIME))))
    both(file, "no_time", FORMAT, "timestamped_signature begins with the timestamp.",
         lambda key: key.line(key.raw(key.message(TEXT, TIME))))
    both(file, "a_time_behind_the_signature", FORMAT, "timestamped_signature begins with the timestamp.",
         lambda key: key.line(key.raw(key.message(TEXT, TIME)) + at))
    both(file, "a_time_of_2_to_the_63", FORMAT, "The timestamp must not exceed 2^63-1.",
         lambda key: key.cosign(TEXT, 2**63))
    both(file, "a_time_of_2_to_the_64_minus_1", FORMAT, "The timestamp must not exceed 2^63-1.",
         lambda key: key.cosign(TEXT, 2**64 - 1))
    both(file, "another_root", FORMAT, "The root is signed.", lambda key: key.cosign(body(A, 3, sha256(b"another root"))))
    both(file, "another_size", FORMAT, "The size is signed.",
         lambda key: key.cosign(body(A, 4, TREE.size_root(3))))
    both(file, "another_origin", FORMAT, "The origin is signed.", lambda key: key.cosign(checkpoint(3, "log.example/b")))
    both(file, "a_byte_too_few", FORMAT, "64 or 2420 bytes of signature.",
         lambda key: key.line(at + key.raw(key.message(TEXT, TIME))[:-1]))
    both(file, "a_byte_too_many", FORMAT, "64 or 2420 bytes of signature.",
         lambda key: key.line(at + key.raw(key.message(TEXT, TIME)) + b"\0"))
    both(file, "only_a_time", FORMAT, "64 or 2420 bytes of signature.", lambda key: key.line(at))
    both(file, "a_signature_over_the_note_text", FORMAT, "A cosignature has its own message.",
         lambda key: key.line(at + key.raw(TEXT.encode())))
    both(file, "the_message_of_the_other_type", FORMAT, "Each type has its own message.",
         lambda key: key.line(at + key.raw(subtree_message(key.name, TIME, A, 0, 3, TREE.size_root(3))
                                           if key.type == COSIGNATURE else ed25519_message(TEXT, TIME))))
    both(file, "the_key_id_of_type_1", FORMAT, "The key id is over the byte of the type.",
         lambda key: key.line(at + key.raw(key.message(TEXT, TIME)), key_id(key.name, 1, key.public)))
    both(file, "the_key_id_over_the_key_alone", FORMAT, "The key id is over name, newline, type and key.",
         lambda key: key.line(at + key.raw(key.message(TEXT, TIME)), sha256(key.public)[:4]))
    both(file, "a_line_of_another_name", FORMAT, "Lines that do not match name and key id are ignored.",
         lambda key: key.line(at + key.raw(key.message(TEXT, TIME)), name="witness.example/other"))
    ed_refused(file, at)
    pq_refused(file, at)


def ed_refused(file, at):
    def bad(name, message, because):
        file.error("verify", name, ED, because, body=TEXT, key=W1.label, line=W1.line(at + W1.raw(message)))

    good = W1.message(TEXT, TIME)
    bad("an_ed25519_message_of_version_2", good.replace(b"cosignature/v1", b"cosignature/v2"), "The header line is fixed.")
    bad("an_ed25519_message_without_its_header", good.split(b"\n", 1)[1], "The header line is fixed.")
    bad("an_ed25519_time_with_a_leading_zero", good.replace(b"time ", b"time 0"), "Decimal with no leading zeroes.")
    bad("an_ed25519_time_with_two_spaces", good.replace(b"time ", b"time  "), "A single space.")
    bad("an_ed25519_message_without_its_last_newline", good[:-1], "The body includes its final newline.")
    bad("an_ed25519_message_with_the_signature_lines", good + b"\n" + LOG.sign(TEXT).encode(),
        "The body does not include signature lines.")


def pq_refused(file, at):
    def bad(name, because, context=b"", **changes):
        message = W1_PQ.message(TEXT, TIME, **changes)
        file.error("verify", name, PQ, because, body=TEXT, key=W1_PQ.label,
                   line=W1_PQ.line(at + W1_PQ.raw(message, context)))

    checkpoint_ = "For a checkpoint start is zero and end is the size."
    bad("an_ml_dsa_44_label_without_its_zero_byte", "The label has 12 bytes, the last one zero.", label=b"subtree/v1\n")
    bad("an_ml_dsa_44_label_of_another_version", "The label is fixed.", label=b"subtree/v2\n\0")
    bad("an_ml_dsa_44_message_of_a_subtree_that_starts_at_1", checkpoint_, start=1)
    bad("an_ml_dsa_44_message_that_ends_one_later", checkpoint_, end=4)
    bad("an_ml_dsa_44_message_with_the_time_left_out", "The two timestamps are the same value.", timestamp=0)
    bad("an_ml_dsa_44_message_of_another_name", "The message commits to the cosigner's name.",
        cosigner="witness.example/other")
    bad("an_ml_dsa_44_origin_with_its_newline", "The origin is without the final newline.", origin=A + "\n")
    bad("an_ml_dsa_44_signature_with_a_context", "FIPS 204 with the empty context.", context=b"subtree/v1")
    raw = bytearray(W1_PQ.raw(W1_PQ.message(TEXT, TIME)))
    for name, place in (("commitment", 0), ("response", 1_000), ("hint", 2_419)):
        changed = bytearray(raw)
        changed[place] ^= 1
        file.error("verify", f"a_flipped_bit_in_the_{name}_of_an_ml_dsa_44_signature", PQ, "FIPS 204 verification.",
                   body=TEXT, key=W1_PQ.label, line=W1_PQ.line(at + bytes(changed)))


def build():
    file = File("cosignature", ["https://c2sp.org/tlog-cosignature"], [W1, W1_PQ])
    messages(file)
    subtrees(file)
    accepted(file)
    refused(file)
    return file
