"""tlog-mirror: the body of add-entries and the answers that say where to go on."""

import struct

from cast import A, LOG, TREE, entry
from vectors import File, exact
from words import b64, bundle, sha256

BODY, PROCESSING = "Request Body", "Processing"
LAST = 2**64 - 1


def head(origin, start, end, ticket=b""):
    origin = origin.encode() if isinstance(origin, str) else origin
    return (struct.pack(">H", len(origin)) + origin + struct.pack(">QQ", start, end) + struct.pack(">H", len(ticket))
            + ticket)


def spans(start, end):
    """The canonical sequence, by the two formulas of the specification."""
    if start == end:
        return []
    low, high = start // 256 * 256, -(-end // 256) * 256
    found = []
    for i in range((high - low) // 256):
        first, last = max(start, low + i * 256), min(end, low + (i + 1) * 256)
        found.append({"start": first, "end": last, "subtree_start": low + i * 256})
    return found


def package(span, size, proof=None):
    proof = TREE.subtree_consistency(span["subtree_start"], span["end"], size) if proof is None else proof
    entries = [entry(i) for i in range(span["start"], span["end"])]
    return bundle(entries) + bytes([len(proof)]) + b"".join(proof)


def upload(start, end, packages=None, ticket=b""):
    chosen = spans(start, end)[:packages]
    return head(A, start, end, ticket) + b"".join(package(span, end) for span in chosen)


def infos(file):
    def ok(name, size, next_entry, ticket, because="Tree size, next entry, ticket in base64, each with a newline."):
        file.ok("mirror_info", name, PROCESSING, because,
                {"tree_size": size, "next_entry": next_entry, "ticket": b64(ticket)},
                body=f"{size}\n{next_entry}\n{b64(ticket)}\n")

    ok("an_answer_with_a_ticket", 700, 512, b"ticket")
    ok("an_answer_with_an_empty_ticket", 700, 512, b"", "The ticket is possibly of zero length: then its line is empty.")
    ok("an_answer_before_anything", 1, 0, b"")
    ok("an_answer_whose_ticket_is_no_text", 700, 700, sha256(b"ticket"))
    good = "700\n512\ndGlja2V0\n"
    form = "Three lines, each followed by a newline."
    for name, text in (("no_bytes", ""), ("one_line", "700\n"), ("two_lines", "700\n512\n"),
                       ("a_last_line_without_newline", good[:-1]), ("four_lines", good + "x\n"),
                       ("an_empty_line_behind", good + "\n"), ("carriage_returns", good.replace("\n", "\r\n")),
                       ("a_size_with_a_leading_zero", "0" + good), ("a_size_with_a_sign", "+" + good),
                       ("a_next_entry_with_a_leading_zero", good.replace("512", "0512")),
                       ("a_next_entry_that_is_no_number", good.replace("512", "next")),
                       ("a_ticket_without_padding", good.replace("dGlja2V0", "dGlja2U")),
                       ("a_ticket_in_hex_with_a_space", good.replace("dGlja2V0", "74 69")),
                       ("a_ticket_in_the_url_safe_alphabet", good.replace("dGlja2V0", "-_-_"))):
        file.error("mirror_info", f"an_answer_of_{name}", PROCESSING, form, body=text)


def sequences(file):
    for start, end in ((0, 0), (7, 7), (0, 1), (0, 256), (0, 257), (1, 256), (255, 257), (256, 512), (300, 700),
                       (511, 512), (0, 700), (65_500, 65_600)):
        file.ok("sequence", f"the_packages_from_{start}_to_{end}", BODY,
                "start = max(upload_start, rounded_start + i * 256), end = min(upload_end, rounded_start + (i + 1) * 256)",
                spans(start, end), start=start, end=end)


def uploads(file):
    framing = "Origin, start, end, ticket, then packages of entries, a count of hashes, and the hashes."

    def ok(name, start, end, because=framing, packages=None, ticket=b"", basis="must"):
        data, chosen = upload(start, end, packages, ticket), spans(start, end)[:packages]
        found = [span | {"first": entry(span["start"]).decode(),
                         "proof": [b64(one) for one in TREE.subtree_consistency(span["subtree_start"], span["end"], end)]}
                 for span in chosen]
        result = {"origin": A, "start": start, "end": end, "ticket": b64(ticket), "packages": found,
                  "complete": len(chosen) == len(spans(start, end)), "root": b64(TREE.size_root(end))}
        file.ok("add_entries", name, BODY, because, result, basis, body=exact(data))

    ok("an_upload_of_one_entry", 0, 1)
    ok("an_upload_of_a_full_package", 0, 256)
    ok("an_upload_of_256_and_one", 0, 257)
    ok("an_upload_that_starts_inside_a_package", 300, 512,
       "The proof is of [rounded_start + i * 256, end), entries before the start included.")
    ok("an_upload_of_two_parts_of_packages", 300, 700)
    ok("an_upload_with_a_ticket", 256, 300, ticket=b"\x00ticket\xff")
    ok("an_upload_of_nothing", 700, 700, "If start equals end the canonical sequence is empty.")
    ok("an_upload_of_a_prefix", 0, 700, "A prefix of the canonical sequence.", 2)
    ok("an_upload_of_no_package", 0, 700, "A prefix of zero packages. (The mirror answers 400: nothing was saved.)", 0)


def refused(file):
    def bad(name, data, because, section=BODY, basis="must"):
        file.error("add_entries", name, section, because, basis, body=exact(data))

    bad("an_upload_that_runs_backwards", head(A, 2, 1), "upload_start must be less or equal to upload_end.")
    bad("an_upload_backwards_from_the_last_index", head(A, LAST, 0), "upload_start must be less or equal to upload_end.")
    good = upload(0, 1)
    count = len(head(A, 0, 1)) + 2 + len(entry(0))
    hashes = b"".join(sha256(bytes([i])) for i in range(64))
    bad("a_package_of_64_hashes", good[:count] + bytes([64]) + hashes, "num_hashes must be at most 63.")
    bad("a_package_of_255_hashes", good[:count] + bytes([255]) + hashes * 4, "num_hashes must be at most 63.")
    cut = "If the body ends before one package was authenticated and saved, the mirror answers 400."
    for name, length in (("the_length_of_the_origin", 1), ("the_origin", 5), ("the_start", 2 + len(A) + 3),
                         ("the_end", 2 + len(A) + 12), ("the_length_of_the_ticket", 2 + len(A) + 17)):
        bad(f"an_upload_cut_in_{name}", good[:length], cut, PROCESSING)
    proofs = upload(0, 300)[: len(upload(0, 300, 1)) - 5]
    for name, data in (("an_entry", good[: count - 1]), ("the_length_of_an_entry", good[: len(head(A, 0, 1)) + 1]),
                       ("the_count_of_hashes", good[:count]), ("the_hashes", proofs)):
        bad(f"an_upload_cut_in_{name}", data, cut, PROCESSING)
    bad("an_upload_of_no_bytes", b"", cut, PROCESSING)
    for end in (2**63, LAST):
        file.either("add_entries", f"an_upload_to_{end}", BODY, "uint64 holds it; no mirror has such a checkpoint (409).",
                    body=exact(head(A, end, end)))
    file.either("add_entries", "an_upload_with_bytes_behind_the_last_package", PROCESSING,
                "The mirror discards partial bytes after the last package; what follows a complete sequence is not said.",
                body=exact(good + b"more"))


def proofs(file):
    """Packages as a mirror judges them: whether the entries belong to the checkpoint."""
    def judge(name, start, end, because, change=None, proof=None):
        (span, *_) = spans(start, end)
        made = TREE.subtree_consistency(span["subtree_start"], span["end"], end)
        entries = [entry(i) for i in range(span["subtree_start"], span["end"])]
        if change is not None:
            entries[change] = b"changed"
        chosen = made if proof is None else proof(made)
        make = file.ok if change is None and chosen == made else file.error
        make("package", name, PROCESSING, because, size=end, root=b64(TREE.size_root(end)), start=span["subtree_start"],
             end=span["end"], entries=[one.decode() for one in entries], proof=[b64(one) for one in chosen])

    verify = "Rebuild the subtree's hash from entries received and held, then verify the proof to upload_end."
    judge("a_package_that_fits", 0, 257, verify)
    judge("a_package_behind_entries_that_are_held", 300, 700, verify)
    judge("a_package_that_is_the_tree", 0, 5, verify)
    judge("a_package_with_a_changed_entry", 300, 700, "If it fails: 422.", change=60)
    judge("a_package_with_a_changed_entry_that_was_held", 300, 700, "If it fails: 422.", change=0)
    judge("a_package_with_a_hash_less", 300, 700, "If it fails: 422.", proof=lambda made: made[:-1])
    judge("a_package_with_a_hash_more", 300, 700, "If it fails: 422.", proof=lambda made: made + [sha256(b"x")])
    judge("a_package_with_another_hash", 300, 700, "If it fails: 422.", proof=lambda made: made[:-1] + [sha256(b"x")])


def build():
    import mirror_scripts

    file = File("mirror", ["https://c2sp.org/tlog-mirror"], [LOG], logs={A: [LOG.label]})
    infos(file)
    sequences(file)
    uploads(file)
    refused(file)
    proofs(file)
    mirror_scripts.build(file)
    return file
