"""tlog-checkpoint: the text, and how a log signs it."""

import merkle
from cast import A, LOG, LOG_NEW, LOG_PQ, OTHER_NAME, STRANGER, TREE, W1, checkpoint
from vectors import File
from words import Key, ED25519, b64, body, noise, note

TEXT, SIGNATURES = "Note text", "Signatures"
ROOT = TREE.size_root(3)


def fields(origin, size, root, extensions=()):
    return {"origin": origin, "size": size, "root": b64(root), "extensions": list(extensions)}


def bodies_ok(file):
    def ok(name, because, origin=A, size=3, root=ROOT, extensions=(), basis="must"):
        file.ok("body", name, TEXT, because, fields(origin, size, root, extensions), basis,
                body=body(origin, size, root, *extensions))

    ok("three_lines", "Origin, tree size, root hash.")
    ok("the_example_of_the_specification", "It is printed there.", "example.com/behind-the-sofa", 20852163,
       bytes.fromhex("0ac5185a91863e8e1d90c8080148a89bf5da8e3ee1d9f07630f0378f68f1ab62"))
    ok("an_empty_tree", "The size of the empty tree is 0.", size=0, root=merkle.EMPTY_ROOT)
    ok("a_size_of_one", "No leading zeroes.", size=1, root=TREE.size_root(1))
    ok("a_size_of_ten", "Zeroes at the end are no leading zeroes.", size=10, root=TREE.size_root(10))
    ok("a_size_of_2_to_the_63_minus_1", "No bound is given for the size.", size=2**63 - 1, basis="implied")
    free = "The origin must be non-empty; that it is a schema-less URL is only recommended, and clients must not assume it."
    ok("an_origin_with_spaces", free, "go.sum database tree")
    ok("an_origin_with_a_plus", free, "log.example/a+b")
    ok("an_origin_that_is_not_ascii", free, "\u043b\u043e\u0433.example/\u03b4")
    ok("an_origin_of_255_bytes", free, "o" * 255)
    ok("an_origin_of_256_bytes", free + " Only the ML-DSA-44 cosignature bounds it.", "o" * 256)
    ok("an_origin_that_is_a_number", free, "12")
    ok("an_extension_line", "Any following lines are extension lines, opaque.", extensions=["time 1"])
    ok("two_extension_lines", "Any following lines are extension lines, opaque.", extensions=["a b c", "="])
    for size in (2**63, 2**64 - 1, 2**64, 10**30):
        file.either("body", f"a_size_of_{size}", TEXT, "No bound is given; 64 bits are all that other formats hold.",
                    body=body(A, size, ROOT))
    file.either("body", "an_empty_tree_with_another_root", TEXT,
                "It is no root at size 0, which a witness must see (422); a parser need not.", body=body(A, 0, ROOT))


def bodies_bad(file):
    good = body(A, 3, ROOT)

    def bad(name, text, because, basis="must"):
        assert text != good
        file.error("body", name, TEXT, because, basis, body=text)

    lines = "At least three non-empty lines, separated by newlines; a note text ends in a newline."
    bad("no_bytes", "", lines)
    bad("two_lines", f"{A}\n3\n", lines)
    bad("the_last_newline_is_missing", good[:-1], lines)
    bad("an_empty_origin", body("", 3, ROOT), "The origin must be non-empty.")
    bad("an_empty_line_before_the_origin", "\n" + good, "The origin must be non-empty.")
    bad("carriage_returns", good.replace("\n", "\r\n"), "The size is decimal digits, the root base64.")
    bad("an_empty_extension_line", good + "\n", "Extension lines must be non-empty.")
    bad("an_empty_line_between_extension_lines", good + "a\n\nb\n", "Extension lines must be non-empty.")
    decimal = "ASCII decimal with no leading zeroes."
    for name, size in (("a_leading_zero", "03"), ("two_zeroes", "00"), ("a_plus_sign", "+3"), ("a_minus_sign", "-3"),
                       ("a_negative_zero", "-0"), ("a_hexadecimal_size", "0x3"), ("an_underscore", "1_000"),
                       ("a_thousands_separator", "1,000"), ("an_exponent", "3e0"), ("a_fraction", "3.0"),
                       ("a_space_before_the_size", " 3"), ("a_space_after_the_size", "3 "), ("an_empty_size", ""),
                       ("arabic_indic_digits", "\u0663"), ("fullwidth_digits", "\uff13"), ("a_word", "three")):
        bad(name, body(A, size, ROOT), decimal)
    base = "Base64 of RFC 4648 section 4 of a SHA-256 hash."
    text = b64(ROOT)
    changes = [("a_root_without_padding", text[:-1]), ("a_root_with_too_much_padding", text + "="),
               ("a_root_of_31_bytes", b64(ROOT[:31])), ("a_root_of_33_bytes", b64(ROOT + b"\0")),
               ("a_root_of_no_bytes", "AA=="), ("a_root_in_hex", ROOT.hex()),
               ("a_root_in_the_url_safe_alphabet", b64(b"\xfb\xff" * 16).replace("+", "-").replace("/", "_")),
               ("a_space_after_the_root", text + " "), ("a_space_inside_the_root", text[:9] + " " + text[9:])]
    for name, root in changes:
        bad(name, f"{A}\n3\n{root}\n", base)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    slack = text[:42] + alphabet[alphabet.index(text[42]) | 1] + "="
    bad("a_root_with_slack_bits", f"{A}\n3\n{slack}\n",
        "The unused bits of the last character are zero (RFC 4648 section 3.5), or one root has many spellings.", "implied")
    bad("size_and_root_in_the_wrong_order", f"{A}\n{text}\n3\n", lines)


def opened(file):
    text = checkpoint(3)
    pair = [LOG.label, LOG_PQ.label]

    def ok(name, lines, keys, because, basis="must", signed=text):
        size, root = signed.split("\n")[1:3]
        result = {"origin": A, "size": int(size), "root": root}
        file.ok("open", name, SIGNATURES, because, result, basis, note=note(signed, *lines), known=keys)

    def bad(name, lines, keys, because, basis="must", signed=text):
        file.error("open", name, SIGNATURES, because, basis, note=note(signed, *lines), known=keys)

    ok("a_log_signs_with_ed25519", [LOG.sign(text)], [LOG.label], "A log may use any note signature algorithm.")
    ok("a_log_signs_with_ml_dsa_44", [LOG_PQ.sign(text)], [LOG_PQ.label], "Logs should use ML-DSA-44 cosignatures.")
    ok("a_log_signs_with_both", [LOG.sign(text), LOG_PQ.sign(text)], pair, "Several keys may sign.")
    ok("a_client_that_knows_the_old_key_only_ignores_the_new_one", [LOG.sign(text), LOG_NEW.sign(text)], [LOG.label],
       "Clients must ignore unknown signatures, which enables key rotation.")
    ok("a_client_that_knows_the_new_key_only_ignores_the_old_one", [LOG.sign(text), LOG_NEW.sign(text)],
       [LOG_NEW.label], "Clients must ignore unknown signatures, which enables key rotation.")
    ok("a_witness_that_nobody_knows", [LOG.sign(text), W1.cosign(text)], [LOG.label],
       "Clients must ignore unknown signatures, which enables witness cosigning.")
    ok("an_ml_dsa_44_signature_without_a_time", [LOG_PQ.sign(text, 0)], [LOG_PQ.label],
       "tlog-cosignature: the timestamp may be zero if nothing is said about the largest tree.")
    ok("an_empty_tree_is_signed", [LOG.sign(checkpoint(0))], [LOG.label], "Size 0 has a checkpoint.",
       signed=checkpoint(0))
    bad("a_stranger_signs", [STRANGER.sign(text)], pair, "No known key signed.")
    bad("the_root_was_replaced", [LOG.sign(text)], [LOG.label], "The signature is over another text.",
        signed=body(A, 3, TREE.size_root(4)))
    bad("the_size_was_replaced", [LOG_PQ.sign(text)], [LOG_PQ.label], "The signature is over another size.",
        signed=body(A, 4, ROOT))
    bad("an_ml_dsa_44_signature_over_the_note_text", [LOG_PQ.line(bytes(8) + LOG_PQ.raw(text.encode()))],
        [LOG_PQ.label], "Type 0x06 signs cosigned_message, not the text.")
    bad("one_of_two_known_signatures_is_bad", [LOG.sign(text), LOG_PQ.line(bytes(8) + noise("pq", 2_420))], pair,
        "signed-note: a known signature that fails should reject the note.", "should")
    bad("extension_lines_were_added_after_an_ed25519_signature", [LOG.sign(text)], [LOG.label],
        "An Ed25519 signature is over the whole text.", signed=text + "added\n")
    file.either("open", "the_key_is_not_named_like_the_origin", SIGNATURES, "The key name should match the origin.",
                note=note(text, OTHER_NAME.sign(text)), known=[OTHER_NAME.label])
    extended = text + "an extension\n"
    ok("an_ed25519_signature_over_extension_lines", [LOG.sign(extended)], [LOG.label],
       "Extension lines are optional and part of the text.", signed=extended)
    ok("an_ml_dsa_44_signature_says_nothing_about_extension_lines", [LOG_PQ.sign(text)], [LOG_PQ.label],
       "The ML-DSA-44 cosignature does not sign the extension lines.", signed=extended)


def build():
    file = File("checkpoint", ["https://c2sp.org/tlog-checkpoint"], [LOG, LOG_NEW, LOG_PQ, OTHER_NAME])
    bodies_ok(file)
    bodies_bad(file)
    opened(file)
    return file
