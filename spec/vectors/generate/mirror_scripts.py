"""Conversations with a mirror (tlog-mirror), in the form of those with a witness."""

import gzip
import hashlib
import struct

from cast import A, FORK, LOG, TREE, entry
from cases_mirror import head, package, spans, upload
from cases_tiles import path, tile
from cases_witness import grow, signed
from vectors import exact
from words import b64, bundle, index_path, sha256

CHECKPOINT, BODY, PROCESSING = "add-checkpoint", "Request Body", "Processing"
PREFIX = f"/{sha256(A.encode()).hex()}"


def pending(old, size, status=200):
    return {"request": {"method": "POST", "path": "/add-checkpoint", "body": grow(old, size)}, "status": [status]}


def entries(data, *status, encoding=None, **more):
    request = {"method": "POST", "path": "/add-entries", "type": "application/octet-stream", "body": exact(data)}
    if encoding:
        request["encoding"] = encoding
    return {"request": request, "status": list(status)} | more


def mirrored(data, size, **more):
    return entries(data, 200, cosigned={"size": size}, **more)


def told(data, status, size, next_entry):
    info = {"tree_size": size, "next_entry": next_entry}
    return entries(data, status, content_type="text/x.tlog.mirror-info", mirror_info=info)


def served(name, data):
    request = {"method": "GET", "path": f"{PREFIX}/{name}", "body": ""}
    return {"request": request, "status": [200], "sha256": hashlib.sha256(data).hexdigest()}


def missing(name):
    return {"request": {"method": "GET", "path": f"{PREFIX}/{name}", "body": ""}, "status": [404]}


def state(size):
    return {A: None if size is None else {"size": size, "root": b64(TREE.size_root(size))}}


def changed(start, end, at, packages=None):
    """An upload whose entry `at` was replaced, with the proofs of the true ones."""
    data = head(A, start, end)
    for span in spans(start, end)[:packages]:
        made = [entry(i) if i != at else b"changed" for i in range(span["start"], span["end"])]
        proof = TREE.subtree_consistency(span["subtree_start"], span["end"], end)
        data += bundle(made) + bytes([len(proof)]) + b"".join(proof)
    return data


def uploads(script):
    script("a_log_is_mirrored", [pending(0, 300), mirrored(upload(0, 300), 300)], PROCESSING,
           "All packages verify: 200 with the mirror's cosignatures of the pending checkpoint.", state(300))
    script("a_log_of_one_entry_is_mirrored", [pending(0, 1), mirrored(upload(0, 1), 1)], PROCESSING,
           "All packages verify: 200.", state(1))
    script("a_mirrored_log_grows", [pending(0, 300), mirrored(upload(0, 300), 300), pending(300, 700),
           mirrored(upload(300, 700), 700)], PROCESSING, "Entries before the start are taken from the mirror's copy.", state(700))
    script("a_prefix_is_accepted_and_completed", [pending(0, 700), told(upload(0, 700, 2), 202, 700, 512),
           mirrored(upload(512, 700), 700)], PROCESSING,
           "If a package was saved and others are missing: 202 with the advanced next entry.", state(700))
    cut = upload(0, 700)[: len(upload(0, 700, 1)) + 100]
    script("an_upload_cut_in_its_second_package_is_accepted_so_far", [pending(0, 700), told(cut, 202, 700, 256),
           mirrored(upload(256, 700), 700)], PROCESSING, "Partial bytes after the last authenticated package are discarded.",
           state(700))
    script("entries_that_are_held_are_skipped", [pending(0, 300), told(upload(0, 300, 1), 202, 300, 256),
           mirrored(upload(0, 300), 300)], PROCESSING, "Entries already saved are skipped.", state(300))
    script("an_upload_of_nothing_cosigns_again", [pending(0, 300), mirrored(upload(0, 300), 300),
           mirrored(upload(300, 300), 300)], BODY, "If start equals end the canonical sequence is empty: all packages are there.",
           state(300), "implied")
    script("a_restarted_mirror_goes_on", [pending(0, 700), told(upload(0, 700, 1), 202, 700, 256), {"restart": True},
           mirrored(upload(256, 700), 700)], PROCESSING, "What is told is durable.", state(700), "implied")
    zipped = gzip.compress(upload(0, 300), compresslevel=0, mtime=0)
    script("an_upload_may_be_compressed", [pending(0, 300), mirrored(zipped, 300, encoding="gzip")], BODY,
           "Mirrors must support Content-Encoding: gzip.", state(300))


def refusals(script):
    known = [pending(0, 300)]

    def refused(name, step, because, after=None, before=None, section=PROCESSING):
        script(name, (known if before is None else before) + [step], section, because, state(after))

    refused("an_unknown_origin", entries(head("log.example/unknown", 0, 1), 404), "A log that is not known: 404.")
    refused("no_pending_checkpoint", entries(upload(0, 300), 422), "Never a pending checkpoint: 422.", before=[])
    refused("an_end_that_is_no_pending_checkpoint", told(upload(0, 299), 409, 300, 0),
            "upload_end is no known pending checkpoint: 409.")
    refused("a_start_beyond_the_next_entry", told(upload(256, 300), 409, 300, 0), "upload_start is above next entry: 409.")
    refused("an_end_below_the_mirrored_size", told(upload(300, 300), 409, 700, 700),
            "upload_end is below the mirror checkpoint: 409.", 700,
            [pending(0, 300), mirrored(upload(0, 300), 300), pending(300, 700), mirrored(upload(300, 700), 700)])
    wrong = "The subtree consistency proof does not verify: 422."
    refused("a_changed_entry", entries(changed(0, 300, 7), 422), wrong)
    first = spans(0, 300)[0]
    proof = TREE.subtree_consistency(0, 256, 300)
    for name, other in (("a_flipped_hash", proof[:-1] + [sha256(b"x")]), ("a_hash_less", proof[:-1]),
                        ("a_hash_more", proof + [sha256(b"x")])):
        refused(f"a_package_proof_with_{name}", entries(head(A, 0, 300) + package(first, 300, other), 422), wrong)
    script("a_changed_entry_stops_the_upload_and_the_true_one_goes_on", known + [entries(changed(0, 300, 280), 422),
           mirrored(upload(256, 300), 300)], PROCESSING,
           "Processing ends at the package that fails; those before it were saved.", state(300), "implied")
    early = "The body ended before one package was authenticated: 400."
    refused("a_first_package_that_is_cut", entries(upload(0, 300)[:500], 400), early)
    refused("a_head_that_is_cut", entries(head(A, 0, 300)[:-3], 400), early)
    refused("a_body_of_no_bytes", entries(b"", 400), early)
    refused("no_packages", entries(upload(0, 300, 0), 400), early)
    refused("an_upload_backwards", entries(head(A, 2, 1), 400, 409), "upload_start must be less or equal to upload_end; "
            "the status is not said.", section=BODY)
    count = bundle([entry(i) for i in range(256)])
    many = b"".join(sha256(bytes([i])) for i in range(64))
    refused("64_hashes_in_a_package", entries(head(A, 0, 300) + count + bytes([64]) + many, 400, 422),
            "num_hashes must be at most 63; the status is not said.", section=BODY)
    script("a_pending_checkpoint_of_another_history_is_refused",
           [pending(0, 5), {"request": {"method": "POST", "path": "/add-checkpoint", "body": grow(5, 7, tree=FORK)},
            "status": [422]}, mirrored(upload(0, 5), 5)], CHECKPOINT, "Handled as by a witness.", state(5))
    script("a_pending_checkpoint_conflicts", [pending(0, 300), {"request": {"method": "POST", "path": "/add-checkpoint",
           "body": grow(0, 700)}, "status": [409], "content_type": "text/x.tlog.size", "body": "300\n"}], CHECKPOINT,
           "Handled as by a witness.", state(None))


def serving(script):
    def bundle_of(index, width):
        return bundle([entry(index * 256 + i) for i in range(width)])

    files = [served(path(0, 0), tile(0, 0, 256)), served(path(0, 2, 188), tile(0, 2, 188)), served(path(1, 0, 2), tile(1, 0, 2)),
             served(f"tile/entries/{index_path(0)}", bundle_of(0, 256)),
             served(f"tile/entries/{index_path(2, 188)}", bundle_of(2, 188))]
    script("what_is_mirrored_is_served", [pending(0, 700), mirrored(upload(0, 700), 700), *files,
           missing(path(0, 3)), missing("tile/entries/003")], "Introduction",
           "The copy is served as a tiled log below <monitoring prefix>/<origin hash>.", state(700))
    script("a_pending_checkpoint_is_not_served", [pending(0, 300), missing("checkpoint")], "Introduction",
           "The checkpoint that is served includes a cosignature of the mirror, which is made at the end.", state(None),
           "implied")


def build(file):
    def script(name, steps, section, because, after, basis="must"):
        file.ok("script", name, section, because, None, basis, steps=steps, state=after)

    uploads(script)
    refusals(script)
    serving(script)
