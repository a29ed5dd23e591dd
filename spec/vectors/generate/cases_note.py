"""signed-note: notes, signature lines, verifier keys."""

import struct

from cast import (A, LOG, LOG_B, LOG_NEW, LOG_PQ, OTHER_NAME, SOMEBODY_ECDSA, STRANGER, STRANGER_PQ, W1,
                  W1_PQ, checkpoint)
from vectors import File
from words import DASH, ED25519, ML_DSA, b64, key_id, line, noise, note, sha256, vkey

FORMAT, SIGNATURES, VKEYS = "Format", "Signatures", "Verifier keys"
TEXT = checkpoint(3)
SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n"
    "\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72Iney"
    "aQM=\n"
)
ORDER = 2**252 + 27742317777372353535851937790883648493


def lines_of(text):
    """What a parser must find, computed by cutting and not by parsing rules."""
    found = []
    for one in text.splitlines():
        _, name, payload = one.split(" ")
        found.append({"name": name, "signature": payload})
    return found


def parse(file, name, text, lines, section, because, basis="must"):
    result = {"text": text, "signatures": lines_of(lines)}
    file.ok("parse", name, section, because, result, basis, note=note(text, lines))


def parse_ok(file):
    s = LOG.sign(TEXT)
    file.ok("parse", "the_example_of_the_specification", "Example", "The note is printed in the specification.",
            {"text": "This is an example message.\n", "signatures": lines_of(SPEC_NOTE.split("\n\n")[1])},
            note=SPEC_NOTE)
    parse(file, "a_text_may_hold_empty_lines", "Ognuno sta solo\n\n\ned \u00e8 subito sera.\n", s, FORMAT,
          "The text is separated from the signatures by the last empty line.")
    parse(file, "a_signature_line_before_the_last_empty_line_is_text", note(TEXT, s), LOG_NEW.sign(TEXT), FORMAT,
          "The text is separated from the signatures by the last empty line.")
    parse(file, "a_text_of_one_newline", "\n", s, FORMAT, "A text ends in a newline; nothing more is asked of it.",
          "implied")
    parse(file, "sixteen_signatures_are_accepted", TEXT, "".join(line(f"s{i}.example", noise(f"s{i}", 68))
          for i in range(16)), FORMAT, "Verifiers must accept at least 16 signatures.")
    parse(file, "sixteen_signatures_of_nearly_5kb_are_accepted", TEXT, "".join(line(f"s{i}.example",
          noise(f"large {i}", 4_900)) for i in range(16)), FORMAT,
          "At least 16 signatures, and post-quantum ones can be up to nearly 5kB.")
    parse(file, "a_key_name_need_not_be_ascii", TEXT, line("\u043a\u043b\u044e\u0447.example/\u03b4", noise("x", 68)),
          FORMAT, "Only Unicode spaces and plus are excluded from names.")
    parse(file, "a_name_may_look_like_a_url_or_not", TEXT, line("https://a.example:8080/?q=1#-_~", noise("x", 68)),
          FORMAT, "That names are schema-less URLs is only recommended.")
    parse(file, "del_and_c1_controls_are_no_ascii_controls_below_0x20", "\x7f\u0085\u0080\n", s, FORMAT,
          "Excluded are the control characters below U+0020.")
    parse(file, "signatures_of_unknown_types_are_lines_like_others", TEXT, SOMEBODY_ECDSA.line(noise("ecdsa", 71)) + s,
          FORMAT, "The signature is opaque: key id, then any bytes.", "implied")
    parse(file, "one_byte_after_the_key_id", TEXT, line("a.example", noise("five", 5)), FORMAT,
          "Signatures are the base64 encoding of 4+n bytes.", "implied")
    parse(file, "name_and_id_may_repeat_in_other_pairs", TEXT, s + LOG_NEW.sign(TEXT) + LOG_PQ.sign(TEXT), SIGNATURES,
          "Only the pair of name and id identifies a key.")


def parse_bad_frame(file):
    s = LOG.sign(TEXT)
    good = note(TEXT, s)

    def bad(name, data, because, basis="must", section=FORMAT):
        file.error("parse", name, section, because, basis, note=data)

    frame = "A text ending in newline, an empty line, one or more signature lines."
    bad("an_empty_note", "", frame)
    bad("a_text_without_signatures", TEXT, frame)
    bad("an_empty_line_without_signatures", TEXT + "\n", frame)
    bad("no_empty_line_before_the_signatures", TEXT + s, frame)
    bad("two_newlines_too_few_at_the_start", "\n" + s, frame)
    bad("the_last_line_lacks_its_newline", good[:-1], "A signature line ends in a newline.")
    bad("an_empty_line_after_the_signatures", good + "\n", "Then the last empty line has no signature after it.")
    bad("an_empty_line_between_signatures_moves_the_text", note(TEXT, s, "\n", "no signature line\n"), frame)
    bad("a_line_after_the_signatures", good + "more\n", frame)
    bad("carriage_returns", good.replace("\n", "\r\n"), "No control character other than newline.")
    bad("a_line_that_holds_a_space_is_not_empty", TEXT + " \n" + s, "The blank line is only a newline.")
    control = "No ASCII control character (below U+0020) other than newline."
    for code in (0x00, 0x07, 0x09, 0x0B, 0x1B, 0x1F):
        bad(f"a_control_character_{code:02x}_in_the_text", note(f"a{chr(code)}b\n", s), control)
    bad("a_tab_in_a_signature_line", TEXT + "\n" + s.replace(" ", "\t"), control)
    utf8 = "Notes must be valid UTF-8."
    for name, raw in (("a_lone_continuation_byte", b"\x80"), ("an_overlong_newline", b"\xc0\x8a"),
                      ("an_encoded_surrogate", b"\xed\xa0\x80"), ("a_code_point_beyond_unicode", b"\xf4\x90\x80\x80"),
                      ("latin_1", b"\xe8 sera")):
        bad(f"{name}_in_the_text", raw + b"\n\n" + s.encode(), utf8)
    bad("utf_16", good.encode("utf-16"), utf8)


def parse_bad_line(file):
    good = LOG.sign(TEXT)
    payload = good.split(" ")[2].strip()

    def bad(name, changed, because, basis="must"):
        assert changed != good
        file.error("parse", name, FORMAT, because, basis, note=TEXT + "\n" + changed)

    form = "Em dash, space, key name, space, base64, newline."
    bad("a_hyphen_for_the_em_dash", good.replace(DASH, "-"), form)
    bad("an_en_dash_for_the_em_dash", good.replace(DASH, "\u2013"), form)
    bad("no_space_after_the_em_dash", good.replace(DASH + " ", DASH), form)
    bad("a_space_before_the_em_dash", " " + good, form)
    bad("two_spaces_after_the_em_dash", good.replace(DASH + " ", DASH + "  "), form)
    bad("two_spaces_before_the_signature", good.replace(A + " ", A + "  "), form)
    bad("a_space_at_the_end_of_the_line", good.replace("\n", " \n"), form)
    bad("a_third_field", good.replace("\n", " x\n"), form)
    bad("no_signature_field", f"{DASH} {A}\n", form)
    bad("an_empty_signature_field", f"{DASH} {A} \n", form)
    bad("no_name", f"{DASH} {payload}\n", form)
    bad("a_no_break_space_after_the_em_dash", good.replace(DASH + " ", DASH + "\u00a0"), form)
    names = "Key names must not be empty nor hold Unicode spaces or plus."
    bad("an_empty_name", f"{DASH}  {payload}\n", names)
    for label, text in (("a_plus", "a+b"), ("a_no_break_space", "a\u00a0b"), ("an_ideographic_space", "a\u3000b"),
                        ("a_line_separator", "a\u2028b"), ("a_next_line", "a\u0085b"), ("an_ogham_space", "a\u1680b")):
        bad(f"{label}_in_a_name", f"{DASH} {text} {payload}\n", names)
    base = "Standard base64 of RFC 4648 section 4, with padding."
    bad("a_signature_without_padding", good.rstrip("=\n") + "\n", base)
    bad("a_signature_with_too_much_padding", good.replace("=\n", "==\n"), base)
    bad("a_signature_in_the_url_safe_alphabet", line(A, b"\xfb\xff\xfe" * 4).replace("+", "-").replace("/", "_"), base)
    bad("a_signature_with_slack_bits", f"{DASH} {A} AAAAAAAAAAB=\n",
        "The unused bits of the last character are zero (RFC 4648 section 3.5), or one signature has many spellings.",
        "implied")
    bad("whitespace_inside_base64", good.replace(payload, payload[:8] + " " + payload[8:]), base)
    bad("a_character_outside_the_alphabet", good.replace(payload, payload[:8] + "!" + payload[9:]), base)
    bad("a_signature_shorter_than_a_key_id", line(A, b"\0\0\0"), "4+n bytes: the first four are the key id.")


def parse_open(file):
    s = LOG.sign(TEXT)
    file.either("parse", "a_key_id_and_no_signature", FORMAT, "4+n bytes; whether n may be 0 is not said.",
                note=note(TEXT, line(A, b"\1\2\3\4")))
    file.either("parse", "the_same_line_twice", SIGNATURES, "Duplicate lines are not mentioned.", note=note(TEXT, s, s))
    file.either("parse", "a_zero_width_space_in_a_name", FORMAT,
                "U+200B has not the property White_Space; `Unicode spaces` is not defined closer.",
                note=note(TEXT, line("a\u200bb", noise("x", 68))))
    file.either("parse", "two_hundred_signatures", FORMAT, "A limit should exist; it is at least 16.",
                note=note(TEXT, *(line(f"s{i}.example", noise(f"s{i}", 68)) for i in range(200))))


def verify(file):
    good, text_key = LOG.sign(TEXT), [LOG.label]
    bad_signature = LOG.line(noise("no signature", 64))

    def ok(name, lines, because, basis="must", keys=text_key, text=TEXT):
        file.ok("verify", name, SIGNATURES, because, None, basis, note=note(text, *lines), known=keys)

    def bad(name, lines, because, basis="must", keys=text_key, text=TEXT):
        file.error("verify", name, SIGNATURES, because, basis, note=note(text, *lines), known=keys)

    unknown = "Signatures from unknown keys must be ignored, even if they share a name or id with a known key."
    ok("one_known_key", [good], "The signature verifies.")
    ok("an_unknown_key_beside_a_known_one", [STRANGER.sign(TEXT), good], unknown)
    ok("same_name_other_id_is_unknown", [LOG_NEW.line(noise("bad", 64)), good], unknown)
    ok("same_id_other_name_is_unknown", [LOG.line(noise("bad", 64), name="log.example/c"), good], unknown)
    ok("unknown_post_quantum_signatures", [STRANGER_PQ.line(noise("pq", 2_428)), good, W1_PQ.cosign(TEXT)], unknown)
    ok("an_ecdsa_signature_of_a_stranger", [SOMEBODY_ECDSA.line(noise("ecdsa", 71)), good], unknown)
    ok("the_known_key_is_the_last_of_sixteen", [line(f"s{i}.example", noise(f"s{i}", 68)) for i in range(15)] + [good],
       "At least 16 signatures must be accepted.")
    ok("two_known_keys", [good, LOG_NEW.sign(TEXT)], "Both verify.", keys=[LOG.label, LOG_NEW.label])
    ok("a_known_key_need_not_have_signed", [good], "One valid signature from a known key is enough.",
       keys=[LOG.label, LOG_NEW.label])
    none = "If no signature from a known key verifies, the note must be rejected."
    bad("no_known_key", [STRANGER.sign(TEXT)], none)
    bad("no_keys_are_known_at_all", [good], none, keys=[])
    bad("the_only_known_signature_is_bad", [bad_signature], none)
    bad("the_right_signature_under_another_name", [LOG.line(LOG.raw(TEXT.encode()), name="log.example/c")], none)
    bad("the_right_signature_under_another_id", [LOG.line(LOG.raw(TEXT.encode()), b"\0\0\0\0")], none)
    ecdsa_id = sha256(LOG.public)[:4]
    bad("an_ed25519_signature_with_the_id_of_an_ecdsa_key", [LOG.line(LOG.raw(TEXT.encode()), ecdsa_id)],
        "The id of an Ed25519 key is over name, newline, type and key, not over the key alone.")
    bad("a_text_that_was_not_signed", [good], none, text=checkpoint(4))
    bad("a_signature_over_the_text_without_its_newline", [LOG.line(LOG.raw(TEXT[:-1].encode()))],
        "The note text includes the final newline.")
    bad("a_signature_over_text_and_empty_line", [LOG.line(LOG.raw(TEXT.encode() + b"\n"))],
        "The note text does not include the separating line.")
    bad("a_signature_with_a_byte_too_few", [LOG.line(LOG.raw(TEXT.encode())[:-1])], none)
    bad("a_signature_with_a_byte_too_many", [LOG.line(LOG.raw(TEXT.encode()) + b"\0")], none)
    raw = LOG.raw(TEXT.encode())
    scalar = int.from_bytes(raw[32:], "little") + ORDER
    bad("an_ed25519_scalar_not_below_the_group_order", [LOG.line(raw[:32] + scalar.to_bytes(32, "little"))],
        "RFC 8032 section 5.1.7: S is in the range 0 <= S < L.")
    should = "If a signature from a known key fails to verify, clients should reject the whole note."
    bad("a_bad_known_signature_beside_a_good_one", [good, LOG_NEW.line(noise("bad", 64))], should, "should",
        [LOG.label, LOG_NEW.label])
    bad("one_known_key_with_a_good_and_a_bad_line", [good, bad_signature], should, "should")
    file.either("verify", "one_known_key_with_the_same_good_line_twice", SIGNATURES,
                "Duplicate lines are not mentioned.", note=note(TEXT, good, good), known=text_key)
    file.either("verify", "a_key_whose_name_is_not_the_origin", "tlog-checkpoint, Signatures",
                "The log's key name should match the origin; as a note it is signed.",
                note=note(TEXT, OTHER_NAME.sign(TEXT)), known=[OTHER_NAME.label])


def vkeys(file):
    def ok(name, key, because, basis="must"):
        result = {"name": key.name, "id": key.id.hex(), "type": key.type, "public_key": key.public.hex()}
        file.ok("vkey", name, VKEYS, because, result, basis, vkey=key.vkey)

    def bad(name, text, because, basis="must", section=VKEYS):
        file.error("vkey", name, section, because, basis, vkey=text)

    form = "Key name, plus, hex of the 32-bit id, plus, base64 of type and public key."
    ok("an_ed25519_key", LOG, form)
    ok("an_ed25519_cosigner", W1, form)
    ok("an_ml_dsa_44_cosigner", W1_PQ, form)
    ok("base64_may_hold_a_plus", next(key for key in (STRANGER, LOG_B, LOG_NEW, LOG_PQ) if "+" in
       key.vkey.split("+", 2)[2]), "Only the first two pluses separate; names and ids hold none.", "implied")
    text = LOG.vkey
    name, identity, key = text.split("+", 2)
    assert identity.upper() != identity
    bad("an_id_in_upper_case", f"{name}+{identity.upper()}+{key}", "Hex is fixed length, lower-case.",
        section="Conventions used in this document")
    bad("an_id_of_seven_digits", f"{name}+{identity[1:]}+{key}", form)
    bad("an_id_with_0x", f"{name}+0x{identity}+{key}", form)
    bad("an_id_of_another_name", f"log.example/c+{identity}+{key}",
        "The id of an Ed25519 key is over its name.", section="Ed25519 signatures")
    bad("an_id_of_another_type", vkey(name, key_id(name, 4, LOG.public), ED25519, LOG.public),
        "The id of an Ed25519 key is over its type.", section="Ed25519 signatures")
    bad("an_id_by_the_ecdsa_formula", vkey(name, sha256(LOG.public)[:4], ED25519, LOG.public),
        "Only ECDSA ids are the truncated hash of the public key alone.", section="Signature types")
    bad("an_id_in_little_endian", vkey(name, LOG.id[::-1], ED25519, LOG.public), "The id is stored in big-endian order.")
    bad("an_id_of_name_without_newline", vkey(name, sha256(name.encode() + b"\1" + LOG.public)[:4], ED25519, LOG.public),
        "The id is over name, newline, type and key.", section="Ed25519 signatures")
    for label, changed in (("no_padding", text.rstrip("=")), ("a_newline_at_the_end", text + "\n"),
                           ("a_space_at_the_start", " " + text), ("an_empty_name", f"+{identity}+{key}"),
                           ("two_fields", f"{name}+{identity}"), ("no_key", f"{name}+{identity}+"),
                           ("a_space_in_the_name", f"log example+{identity}+{key}"), ("nothing", "")):
        if changed != text:
            bad(f"a_vkey_with_{label}", changed, form)
    bad("a_type_and_no_key", vkey(name, key_id(name, 1, b""), 1, b""), "An Ed25519 key is 32 bytes.")
    for kind, length in ((ED25519, 31), (ED25519, 33), (ML_DSA, 1_311), (ML_DSA, 1_313)):
        public = noise("short key", length)
        bad(f"a_key_of_type_{kind}_and_{length}_bytes", vkey(name, key_id(name, kind, public), kind, public),
            "Ed25519 keys have 32 bytes, ML-DSA-44 keys 1312.")
    public = (2**255 - 19).to_bytes(32, "little")
    bad("an_ed25519_point_that_is_not_reduced", vkey(name, key_id(name, 1, public), 1, public),
        "RFC 8032 section 5.1.3: decoding fails if y is not below p.", section="Ed25519 signatures")
    public = (2).to_bytes(32, "little")
    bad("an_ed25519_key_that_is_no_point", vkey(name, key_id(name, 1, public), 1, public),
        "RFC 8032 section 5.1.3: decoding fails if x has no square root.", section="Ed25519 signatures")
    public = (1).to_bytes(32, "little")
    file.either("vkey", "an_ed25519_key_of_small_order", "Ed25519 signatures",
                "RFC 8032 decodes it; everybody can sign for it, so it should not be trusted.",
                vkey=vkey(name, key_id(name, 1, public), 1, public))
    few = "Implementations should select only the types they need."
    file.either("vkey", "an_ecdsa_key_with_its_own_id_formula", "Signature types", few, vkey=SOMEBODY_ECDSA.vkey)
    for kind in (0x03, 0x05, 0x07, 0xFF):
        public = noise("other type", 32)
        file.either("vkey", f"a_key_of_type_{kind:02x}", "Signature types", few,
                    vkey=vkey(name, key_id(name, kind, public), kind, public))


def build():
    file = File("note", ["https://c2sp.org/signed-note"], [LOG, LOG_NEW, OTHER_NAME])
    parse_ok(file)
    parse_bad_frame(file)
    parse_bad_line(file)
    parse_open(file)
    verify(file)
    vkeys(file)
    return file
