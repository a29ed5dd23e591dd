"""tlog-witness: bodies, and scripts of exchanges with a witness."""

import merkle
from cast import (A, B, FORK, LOG, LOG_B, LOG_PQ, STRANGER, STRANGER_PQ, TREE, W1, W1_PQ, checkpoint)
from vectors import File
from words import DASH, add_checkpoint, b64, body, hash_lines, line, noise, note, sha256

ADD, SUBTREE, MONITOR = "add-checkpoint", "sign-subtree", "Monitor Retrieval Mechanism"
COSIGNED = {"status": [200], "cosigned": True}
EMPTY = merkle.EMPTY_ROOT


def signed(size, tree=TREE, keys=(LOG,)):
    text = checkpoint(size, A, tree)
    return note(text, *(key.sign(text) for key in keys))


def grow(old, size, proof=None, note_=None, tree=TREE):
    proof = tree.consistency(old, size) if proof is None and old <= size else proof or []
    return add_checkpoint(old, proof, note_ or signed(size, tree))


def post(data, status, call="add-checkpoint", **more):
    return {"request": {"method": "POST", "path": f"/{call}", "body": data}, "status": status} | more


def cosigns(old, size, **more):
    return {"request": {"method": "POST", "path": "/add-checkpoint", "body": grow(old, size, **more)}} | COSIGNED


def conflict(data, size):
    return post(data, [409], content_type="text/x.tlog.size", body=f"{size}\n")


def refuses(data, status, **more):
    return post(data, [status], **more)


def state(size, tree=TREE):
    return {A: {"size": size, "root": b64(tree.size_root(size))}}


def bodies(file):
    good = grow(3, 7)

    def ok(name, text, because, old, proof, basis="must"):
        result = {"old": old, "proof": [b64(one) for one in proof], "checkpoint": text.split("\n\n", 1)[1]}
        file.ok("request", name, ADD, because, result, basis, body=text)

    lines = "old size line, zero or more proof lines, an empty line, a checkpoint."
    ok("a_request_without_proof_lines", grow(0, 7), lines, 0, [])
    ok("a_request_with_proof_lines", good, lines, 3, TREE.consistency(3, 7))
    many = [sha256(bytes([i])) for i in range(64)]
    ok("a_request_with_63_proof_lines", add_checkpoint(3, many[:63], signed(7)), "At most 63 proof lines.", 3, many[:63])
    ok("a_request_whose_note_has_16_signatures", grow(3, 7, note_=signed(7) + "".join(line(f"s{i}.example", noise(f"s{i}",
       68)) for i in range(15))), "The checkpoint may include multiple signatures.", 3, TREE.consistency(3, 7))
    for name, text, because in malformed(good):
        file.error("request", name, ADD, because, body=text)
    conflicts(file)
    responses(file)


def malformed(good):
    """Bodies that every witness answers with 400."""
    lines = "old size line, zero or more proof lines, an empty line, a checkpoint."
    first = b64(TREE.consistency(3, 7)[0])
    decimal = "The old size is ASCII decimal with no leading zeroes."
    many = [sha256(bytes([i])) for i in range(64)]
    found = [("no_bytes", "", lines), ("an_old_line_only", "old 3\n", lines), ("no_old_line", good.split("\n", 1)[1], lines),
             ("no_empty_line_before_the_checkpoint", good.replace("\n\n", "\n", 1), lines),
             ("no_checkpoint", good.split("\n\n")[0] + "\n\n", lines),
             ("old_in_upper_case", good.replace("old", "Old", 1), lines),
             ("two_spaces_behind_old", good.replace("old ", "old  ", 1), "A single space (0x20)."),
             ("a_tab_behind_old", good.replace("old ", "old\t", 1), "A single space (0x20)."),
             ("a_space_at_the_end_of_the_old_line", good.replace("old 3", "old 3 ", 1), decimal),
             ("64_proof_lines", add_checkpoint(3, many, signed(7)), "Not more than 63 proof lines."),
             ("carriage_returns", good.replace("\n", "\r\n"), "Each line terminates in U+000A.")]
    for name, text in (("a_leading_zero", "03"), ("two_zeroes", "00"), ("a_sign", "+3"), ("a_minus", "-3"),
                       ("no_digits", ""), ("hexadecimal_digits", "0x3"), ("arabic_indic_digits", "\u0663")):
        found.append((f"an_old_size_with_{name}", good.replace("old 3\n", f"old {text}\n"), decimal))
    base = "Each proof line encodes a single hash in base64."
    for name, text in (("without_padding", first[:-1]), ("of_31_bytes", b64(noise("31", 31))),
                       ("of_33_bytes", b64(noise("33", 33))), ("of_two_hashes", first + " " + first),
                       ("in_hex", TREE.consistency(3, 7)[0].hex())):
        found.append((f"a_proof_line_{name}", good.replace(first, text), base))
    return found


def conflicts(file):
    because = "The body of a 409 is the tree size in decimal, followed by a newline."
    for size in (0, 4, 20852163):
        file.ok("conflict", f"a_conflict_at_{size}", ADD, because, {"size": size}, body=f"{size}\n")
    for name, text in (("no_bytes", ""), ("a_newline_only", "\n"), ("a_leading_zero", "04\n"), ("a_sign", "-4\n"),
                       ("a_word", "old 4\n"), ("two_lines", "4\n5\n"), ("a_carriage_return", "4\r\n"),
                       ("a_space", "4 \n")):
        file.error("conflict", f"a_conflict_of_{name}", ADD, because, body=text)
    file.either("conflict", "a_conflict_without_its_newline", ADD, because + " A client may be patient.", body="4")


def responses(file):
    text = checkpoint(7)
    one, two = W1.cosign(text), W1_PQ.cosign(text)
    because = "One or more signature lines, each starting with the em dash and ending in a newline."

    def ok(name, lines):
        names = [part.split(" ")[1] for part in lines.splitlines()]
        file.ok("response", name, ADD, because, {"names": names}, body=lines)

    ok("one_cosignature", one)
    ok("two_cosignatures_of_one_witness", one + two)
    ok("a_cosignature_of_somebody_else", STRANGER.line(noise("s", 64)) + one)
    for name, bad in (("no_bytes", ""), ("an_empty_line", "\n"), ("a_last_line_without_newline", one[:-1]),
                      ("an_empty_line_in_front", "\n" + one), ("the_checkpoint_in_front", text + "\n" + one),
                      ("a_hyphen", one.replace(DASH, "-")), ("an_empty_line_behind", one + "\n")):
        file.error("response", f"a_response_of_{name}", ADD, because, body=bad)


def script(file, name, steps, section, because, after=None, basis="must", **more):
    file.ok("script", name, section, because, None, basis, steps=steps, state=after if after is not None else {}, **more)


def growth(file):
    moves = "If all checks pass, the witness updates its record and answers with cosignatures."
    script(file, "the_first_checkpoint_is_cosigned", [cosigns(0, 5)], ADD, moves, state(5))
    script(file, "the_first_checkpoint_may_be_empty", [cosigns(0, 0), cosigns(0, 4)], ADD, moves, state(4))
    script(file, "a_log_grows", [cosigns(0, 1), cosigns(1, 4), cosigns(4, 7), cosigns(7, 8), cosigns(8, 600)], ADD, moves,
           state(600))
    script(file, "the_same_size_again_is_cosigned_again", [cosigns(0, 5), cosigns(5, 5), cosigns(5, 5)], ADD,
           "Equal sizes with equal roots pass all checks.", state(5))
    script(file, "two_logs_do_not_mix", [cosigns(0, 5), {"request": {"method": "POST", "path": "/add-checkpoint", "body":
           add_checkpoint(0, [], note(checkpoint(3, B), LOG_B.sign(checkpoint(3, B))))}} | COSIGNED, cosigns(5, 7)], ADD,
           "The latest checkpoint is that of the origin.",
           state(7) | {B: {"size": 3, "root": b64(TREE.size_root(3))}})
    script(file, "large_sizes_are_cosigned", large(), ADD, "Sizes are not bounded below 2^63.",
           {A: {"size": 2**62 + 1, "root": b64(merkle.node_hash(sha256(b"large"), sha256(b"leaf")))}}, "implied")
    script(file, "a_restarted_witness_remembers", [cosigns(0, 5), {"restart": True}, conflict(grow(0, 7), 5), cosigns(5, 7)],
           ADD, "The new checkpoint is persisted before the response.", state(7))
    lines = "".join(line(f"s{i}.example", noise(f"s{i}", 68)) for i in range(15))
    script(file, "unknown_signatures_are_ignored", [cosigns(0, 5, note_=note(checkpoint(5), STRANGER.sign(checkpoint(5)),
           LOG.sign(checkpoint(5)), lines[: lines.index("\n") + 1]))], ADD, "Signatures from unknown keys are ignored.", state(5))
    script(file, "sixteen_signatures_are_read", [cosigns(0, 5, note_=signed(5) + lines)], ADD,
           "signed-note: at least 16 signatures.", state(5))
    pq = "".join(line(f"s{i}.example", noise(f"pq {i}", 2_432)) for i in range(5))
    script(file, "five_unknown_post_quantum_signatures_are_read", [cosigns(0, 5, note_=signed(5) + pq)], ADD,
           "signed-note: signatures can be up to nearly 5kB.", state(5), "should")
    script(file, "a_log_may_sign_with_either_of_its_keys", [cosigns(0, 5, note_=signed(5, keys=[LOG_PQ])), cosigns(5, 7)], ADD,
           "A signature from a trusted key for the origin is present.", state(7))
    script(file, "a_log_may_sign_with_all_its_keys", [cosigns(0, 5, note_=signed(5, keys=[LOG, LOG_PQ]))], ADD,
           "A signature from a trusted key for the origin is present.", state(5))
    extended = checkpoint(5, A, TREE, "an extension")
    script(file, "extension_lines_are_cosigned", [cosigns(0, 5, note_=note(extended, LOG.sign(extended)))], ADD,
           "tlog-checkpoint: extension lines are optional and opaque.", state(5))


def large():
    """Roots nobody can compute: the witness checks the proof and not the tree."""
    old, leaf = sha256(b"large"), sha256(b"leaf")
    new = merkle.node_hash(old, leaf)

    def step(old_size, proof, size, root):
        text = body(A, size, root)
        return post(add_checkpoint(old_size, proof, note(text, LOG.sign(text))), [200], cosigned=True)

    return [step(0, [], 2**62, old), step(2**62, [leaf], 2**62 + 1, new)]


def refusals(file):
    def refused(name, data, status, because, before=5, since=None, **more):
        steps = [cosigns(0, before)] if before is not None else []
        script(file, name, steps + [refuses(data, status, **more)], ADD, because,
               state(before) if before is not None else {A: None}, **({"since": since} if since else {}))

    conflict_ = "The old size must match the latest cosigned one: 409, text/x.tlog.size, the size and a newline."
    for name, before, old, size in (("behind", 5, 3, 7), ("ahead", 5, 6, 7), ("of_zero", 5, 0, 7)):
        script(file, f"an_old_size_{name}_conflicts", [cosigns(0, before), conflict(grow(old, size), before)], ADD, conflict_,
               state(before))
    script(file, "an_old_size_before_anything_was_cosigned_conflicts", [conflict(grow(3, 5), 0)], ADD, conflict_, {A: None})
    script(file, "a_smaller_checkpoint_conflicts", [cosigns(0, 5), conflict(grow(3, 4), 5)], ADD, conflict_, state(5))
    script(file, "a_conflict_is_solved_with_the_size_it_states", [cosigns(0, 5), conflict(grow(0, 7), 5), cosigns(5, 7)], ADD,
           conflict_, state(7))
    refused("an_old_size_above_the_checkpoint", add_checkpoint(5, [], signed(4)), 400,
            "The old size must be equal to or lower than the checkpoint size.")
    refused("an_old_size_above_the_first_checkpoint", add_checkpoint(5, [], signed(4)), 400,
            "The old size must be equal to or lower than the checkpoint size.", None)
    wrong = "If a consistency proof does not verify: 422."
    proof = TREE.consistency(5, 7)
    refused("a_proof_with_a_flipped_hash", grow(5, 7, proof[:-1] + [sha256(b"x")]), 422, wrong)
    refused("a_proof_with_a_hash_less", grow(5, 7, proof[:-1]), 422, wrong)
    refused("a_proof_with_a_hash_more", grow(5, 7, proof + [sha256(b"x")]), 422, wrong)
    refused("a_proof_without_hashes", add_checkpoint(5, [], signed(7)), 422, wrong)
    refused("a_proof_of_63_hashes", grow(5, 7, [sha256(bytes([i])) for i in range(63)]), 422, wrong)
    refused("a_proof_from_another_size", grow(5, 7, TREE.consistency(4, 7)), 422, wrong)
    refused("a_proof_at_equal_size", grow(5, 5, [sha256(b"x")]), 422, "RFC 6962: the proof from a tree to itself is empty.")
    refused("a_proof_from_nothing", grow(0, 5, [sha256(b"x")]), 422,
            "If the old size is zero, the consistency proof must be empty.", None)
    refused("another_history_that_grows", grow(5, 7, tree=FORK), 422, wrong)
    refused("another_root_at_the_same_size", grow(5, 5, tree=FORK), 422, "Equal sizes with different roots: 422.",
            status_at={"v1.0.0": [409]})
    empty = body(A, 0, sha256(b"not empty"))
    refused("an_empty_tree_with_another_root", add_checkpoint(0, [], note(empty, LOG.sign(empty))), 422,
            "A checkpoint of size zero has the root of the empty tree.", None, "HEAD")
    signatures(refused)
    for name, data, because in malformed(grow(5, 7).replace("old 5", "old 3", 1).replace(
            hash_lines(TREE.consistency(5, 7)), hash_lines(TREE.consistency(3, 7)))):
        refused(f"{name}_is_answered_with_400", data, 400, f"Malformed: {because}", 3)
    refused("a_checkpoint_without_its_last_newline", grow(5, 7)[:-1], 400, "The checkpoint is malformed.")
    zeros = body(A, "07", TREE.size_root(7))
    refused("a_checkpoint_with_a_leading_zero", grow(5, 7, note_=note(zeros, LOG.sign(zeros))), 400, "The checkpoint is malformed.")
    refused("a_body_that_is_not_utf_8", b"old 5\n\xff\n", 400, "The body is malformed.")
    script(file, "add_checkpoint_is_a_post", [{"request": {"method": "GET", "path": "/add-checkpoint", "body": ""},
           "status": [400, 404, 405]}], ADD, "The request must be an HTTP POST.", {A: None})


def signatures(refused):
    text = checkpoint(7)
    proof = TREE.consistency(5, 7)
    forbidden = "No signature from a trusted key, or one of a trusted key that fails to verify: 403."

    def case(name, *lines, status=403, because=forbidden, text=text, **more):
        refused(name, add_checkpoint(5, proof, note(text, *lines)), status, because, **more)

    case("a_checkpoint_signed_by_a_stranger", STRANGER.sign(text))
    case("a_checkpoint_signed_by_the_witness_itself", W1.cosign(text))
    case("a_checkpoint_signed_by_another_log", LOG_B.sign(text))
    case("a_signature_that_fails", LOG.line(noise("bad", 64)))
    case("a_post_quantum_signature_that_fails", LOG_PQ.line(bytes(8) + noise("bad", 2_420)))
    case("a_good_signature_beside_one_of_a_trusted_key_that_fails", LOG.sign(text), LOG_PQ.line(bytes(8) + noise("bad", 2_420)),
         status_at={"v1.0.0": [200, 403]})
    case("a_good_signature_under_another_name", LOG.line(LOG.raw(text.encode()), name=B))
    case("a_signature_over_another_checkpoint", LOG.sign(checkpoint(8)))
    foreign = checkpoint(7, "log.example/unknown")
    case("an_unknown_origin", LOG.renamed("log.example/unknown").sign(foreign), status=404, text=foreign,
         because="If the checkpoint origin is unknown: 404.")
    case("an_unknown_origin_signed_by_a_known_log", LOG.sign(foreign), status=404, text=foreign,
         because="If the checkpoint origin is unknown: 404.")


def monitoring(file):
    at = f"/{sha256(A.encode()).hex()}/checkpoint"

    def get(path, status, **more):
        return {"request": {"method": "GET", "path": path, "body": ""}, "status": status} | more

    shows = "The checkpoint with the log's signature and the witness's cosignatures."
    script(file, "what_was_cosigned_can_be_monitored", [cosigns(0, 5), get(at, [200], shows={"origin": A, "size": 5}),
           cosigns(5, 7), get(at, [200], shows={"origin": A, "size": 7})], MONITOR, shows, state(7), "should", since="HEAD")
    script(file, "nothing_was_cosigned_yet", [get(at, [404])], MONITOR, "Never cosigned: 404.", {A: None}, since="HEAD")
    script(file, "an_unknown_log_cannot_be_monitored", [cosigns(0, 5), get(f"/{sha256(b'x').hex()}/checkpoint", [404])],
           MONITOR, "Never cosigned: 404.", state(5), since="HEAD")
    script(file, "a_refused_checkpoint_is_not_shown", [cosigns(0, 5), refuses(grow(5, 7, tree=FORK), 422),
           get(at, [200], shows={"origin": A, "size": 5})], MONITOR, shows, state(5), "should", since="HEAD")


def sign_subtree(start, end, size, proof=None, hash_=None, tail=None, head=None):
    proof = TREE.subtree_consistency(start, end, size) if proof is None else proof
    text = head or f"subtree {start} {end}\n{b64(hash_ or TREE.root(start, end))}\n{hash_lines(proof)}\n"
    return {"parts": [text] + (tail or [{"step": 0, "what": "checkpoint"}, {"step": 0, "what": "cosignatures"}])}


def subtrees(file):
    """The reference checkpoint carries the witness's own cosignature: parts of step 0 are pasted in."""
    def case(name, data, status, because, size=14, **more):
        steps = [cosigns(0, size), post(data, [status], "sign-subtree", **more)]
        script(file, name, steps, SUBTREE, because, state(size), optional="sign-subtree", since="HEAD")

    good = "The signatures are subtree cosignatures with a timestamp of zero."
    for start, end, size in ((8, 13, 14), (0, 14, 14), (0, 8, 14), (13, 14, 14), (0, 1, 1), (256, 300, 600)):
        case(f"the_subtree_{start}_to_{end}_of_{size}", sign_subtree(start, end, size), 200, good, size,
             subtree={"start": start, "end": end, "hash": b64(TREE.root(start, end))})
    proof = TREE.subtree_consistency(8, 13, 14)
    wrong = "If the subtree consistency proof does not verify: 422."
    case("a_subtree_with_another_hash", sign_subtree(8, 13, 14, hash_=sha256(b"x")), 422, wrong)
    case("a_subtree_proof_with_a_flipped_hash", sign_subtree(8, 13, 14, proof[:-1] + [sha256(b"x")]), 422, wrong)
    case("a_subtree_proof_with_a_hash_less", sign_subtree(8, 13, 14, proof[:-1]), 422, wrong)
    case("a_subtree_proof_with_a_hash_more", sign_subtree(8, 13, 14, proof + [sha256(b"x")]), 422, wrong)
    invalid = "[start, end) must be a valid subtree, end at most the checkpoint size; else 400."
    hash_ = b64(sha256(b"x"))
    for name, first in (("of_no_subtree", "subtree 1 3"), ("that_ends_beyond_the_checkpoint", "subtree 8 16"),
                        ("backwards", "subtree 13 8"), ("with_a_leading_zero", "subtree 08 13"),
                        ("with_two_spaces", "subtree  8 13"), ("without_an_end", "subtree 8"),
                        ("of_three_numbers", "subtree 8 13 14"), ("in_upper_case", "Subtree 8 13")):
        case(f"a_range_{name}", sign_subtree(8, 13, 14, head=f"{first}\n{hash_}\n\n"), 400, invalid)
    case("64_subtree_proof_lines", sign_subtree(8, 13, 14, [sha256(bytes([i])) for i in range(64)]), 400,
         "Not more than 63 proof lines.")
    case("a_subtree_without_its_hash", sign_subtree(8, 13, 14, head="subtree 8 13\n\n"), 400, "The hash line follows the range.")
    mine = "The checkpoint includes a valid cosignature from one of the witness's own keys; else 403."
    log_only = [signed(14)]
    case("a_subtree_of_a_checkpoint_without_cosignature", sign_subtree(8, 13, 14, tail=log_only), 403, mine)
    text = checkpoint(14)
    case("a_subtree_of_a_checkpoint_cosigned_by_a_stranger",
         sign_subtree(8, 13, 14, tail=[note(text, STRANGER_PQ.cosign(text))]), 403, mine)
    other = checkpoint(14, A, FORK)
    case("a_subtree_of_a_checkpoint_with_a_pasted_cosignature",
         sign_subtree(8, 13, 14, tail=[note(other, LOG.sign(other)), {"step": 0, "what": "cosignatures"}]), 403, mine)
    foreign = checkpoint(14, "log.example/unknown")
    case("a_subtree_of_an_unknown_origin", sign_subtree(8, 13, 14, tail=[note(foreign, LOG.sign(foreign))]), 404,
         "If the checkpoint origin is unknown: 404.")


def build():
    file = File("witness", ["https://c2sp.org/tlog-witness"], [LOG, LOG_PQ, LOG_B, W1, W1_PQ],
                logs={A: [LOG.label, LOG_PQ.label], B: [LOG_B.label]})
    bodies(file)
    growth(file)
    refusals(file)
    monitoring(file)
    subtrees(file)
    return file
