"""tlog-policy: the grammar, what a quorum needs, and notes judged by a policy."""

import itertools

from cast import LOG, LOG_B, LOG_NEW, LOG_PQ, STRANGER, W1, W1_PQ, W2, W3, W4, W5, checkpoint
from vectors import File
from words import COSIGNATURE, ED25519, Key, note

SYNTAX, CHARACTERS, KEYS = "Structure", "Character set", "Public key representation"
LOGS, WITNESSES, QUORUM, GROUPS = ("Defining a log", "Defining a witness", "Defining the quorum",
                                   "Defining a witness group")
LIMITS = "Implementation limits"
L = f"log {LOG.vkey}\n"
W = [f"witness w{i} {key.vkey}\n" for i, key in enumerate((W1, W2, W3, W4, W5), 1)]
EXAMPLE = L + W[0] + W[1] + W[2] + "group X 2 w1 w2 w3\n" + W[3] + W[4] + \
    "group Y any w4 w5\ngroup X-and-Y all X Y\nquorum X-and-Y\n"


def accepted(file):
    def ok(name, text, because, section=SYNTAX, logs=None, witnesses=None, groups=(), quorum="w1", basis="must"):
        result = {"logs": len(logs) if logs is not None else 1,
                  "witnesses": ["w1"] if witnesses is None else witnesses,
                  "groups": [{"name": n, "k": k, "members": m} for n, k, m in groups], "quorum": quorum}
        file.ok("parse", name, section, because, result, basis, policy=text)

    ok("one_log_and_one_witness", L + W[0] + "quorum w1\n", "The simplest quorum is one witness.", QUORUM)
    ok("the_shape_of_the_example", EXAMPLE, "Two groups and a group over them.", "Example policy",
       witnesses=["w1", "w2", "w3", "w4", "w5"], quorum="X-and-Y",
       groups=[("X", 2, ["w1", "w2", "w3"]), ("Y", 1, ["w4", "w5"]), ("X-and-Y", 2, ["X", "Y"])])
    ok("quorum_none", L + "quorum none\n", "No cosignature is required.", QUORUM, witnesses=[], quorum=None)
    ok("a_quorum_line_only", "quorum none\n", "Only the quorum is mandatory.", "What is a \"policy\"?", [], [], quorum=None)
    ok("witnesses_without_a_log", W[0] + "quorum w1\n", "The set of logs may be empty.", "What is a \"policy\"?", [])
    ok("urls", f"log {LOG.vkey} https://log.example/a\nwitness w1 {W1.vkey} https://w1.example/\nquorum w1\n",
       "Each log or witness may have a URL.", LOGS)
    ok("tabs_and_many_spaces", f" \tlog\t {LOG.vkey} \t\nwitness  w1\t{W1.vkey}\n\tquorum \t w1 \n",
       "Whitespace is sequences of space and tab; leading and trailing is allowed.")
    ok("empty_lines_and_comments", f"# a policy\n\n \t\n  # indented\n{L}#\n{W[0]}\n#quorum none\nquorum w1\n",
       "Empty lines and lines that start with # are ignored.")
    ok("witnesses_before_logs", W[0] + L + "quorum w1\n", "Logs and witnesses can appear in any order.")
    ok("lines_after_the_quorum", W[0] + "quorum w1\n" + L + W[1], "Only groups and quorum need what they name above them.",
       witnesses=["w1", "w2"])
    ok("a_comment_that_is_not_utf_8", L.encode() + W[0].encode() + b"# \xff\xfe\x80\nquorum w1\n",
       "Octets with the high bit are allowed and opaque.", CHARACTERS)
    kelvin, high = "\u212a", b"w\xff"
    ok("a_name_that_is_not_ascii", L + W[0].replace("w1", "K", 1) + W[1].replace("w2", kelvin, 1) + f"quorum {kelvin}\n",
       "Names are opaque octets: the Kelvin sign is not K.", CHARACTERS, witnesses=["K", kelvin], quorum=kelvin)
    ok("a_name_that_is_not_utf_8", L.encode() + b"witness " + high + f" {W1.vkey}\nquorum ".encode() + high + b"\n",
       "Names are opaque octets.", CHARACTERS, witnesses=[high], quorum=high)
    for word in ("log", "witness", "group", "quorum", "all", "any", "2", "-", "#1"):
        ok(f"a_witness_named_{word.replace('#', 'hash_').replace('-', 'hyphen')}", L + f"witness {word} {W1.vkey}\nquorum {word}\n",
           "Only `none` is predefined.", basis="implied", witnesses=[word], quorum=word)
    ok("a_group_over_witnesses_named_like_keywords",
       L + f"witness all {W1.vkey}\nwitness 1 {W2.vkey}\ngroup any all all 1\nquorum any\n", "Only `none` is predefined.",
       GROUPS, witnesses=["all", "1"], groups=[("any", 2, ["all", "1"])], quorum="any", basis="implied")
    ok("a_group_of_one", L + W[0] + "group g all w1\nquorum g\n", "At least one member.", GROUPS,
       groups=[("g", 1, ["w1"])], quorum="g")
    ok("a_threshold_of_all_members_as_a_number", L + W[0] + W[1] + "group g 2 w1 w2\nquorum g\n", "1 <= k <= n.", GROUPS,
       witnesses=["w1", "w2"], groups=[("g", 2, ["w1", "w2"])], quorum="g")
    ok("a_group_that_the_quorum_does_not_use", L + W[0] + W[1] + "group g any w2\nquorum w1\n",
       "Nothing says that a group must be used.", GROUPS, witnesses=["w1", "w2"], groups=[("g", 1, ["w2"])], basis="implied")
    ok("a_quorum_of_a_witness_that_is_also_a_member", L + W[0] + "group g any w1\nquorum w1\n",
       "Only membership in groups is limited to one.", GROUPS, groups=[("g", 1, ["w1"])], basis="implied")
    ok("groups_in_groups_in_groups", L + "".join(W[:3]) + "group a any w1\ngroup b all a w2\ngroup c any b w3\nquorum c\n",
       "Members are witnesses or groups.", GROUPS, witnesses=["w1", "w2", "w3"], quorum="c",
       groups=[("a", 1, ["w1"]), ("b", 2, ["a", "w2"]), ("c", 1, ["b", "w3"])])
    ok("a_witness_with_an_ml_dsa_44_key", L + f"witness w1 {W1_PQ.vkey}\nquorum w1\n", "Types of tlog-cosignature.", KEYS)
    ok("two_keys_of_one_log", L + f"log {LOG_NEW.vkey}\n" + W[0] + "quorum w1\n",
       "Duplicates are equal public keys, not equal names.", LOGS, ["", ""])
    ok("a_log_with_an_ml_dsa_44_key_only", f"log {LOG_PQ.vkey}\n" + W[0] + "quorum w1\n",
       "Logs should sign with ML-DSA-44 (tlog-checkpoint).", KEYS)
    many(file, ok)


def many(file, ok):
    names = [f"n{i}" for i in range(32)]
    logs = [Key(f"many log {i}", f"many.example/{i}", ED25519) for i in range(32)]
    witnesses = [Key(f"many witness {i}", f"many.example/w{i}", COSIGNATURE) for i in range(32)]
    text = "".join(f"log {key.vkey}\n" for key in logs)
    text += "".join(f"witness {name} {key.vkey}\n" for name, key in zip(names, witnesses))
    groups = [("g0", 1, ["n0"])] + [(f"g{i}", 2, [f"g{i - 1}", names[i]]) for i in range(1, 32)]
    text += "".join(f"group {name} {k} {' '.join(members)}\n" for name, k, members in groups) + "quorum g31\n"
    ok("32_logs_32_witnesses_32_groups", text, "At least 32 of each are strongly recommended.", LIMITS, logs, names, groups,
       "g31", "should")


def lines_refused(file):
    def bad(name, text, because, section=SYNTAX, basis="must"):
        file.error("parse", name, section, because, basis, policy=text)

    form = "Lines are log, witness, group, quorum, comments, or empty."
    end = "quorum w1\n"
    bad("an_unknown_keyword", L + W[0] + "witnesses w2\n" + end, form)
    bad("a_keyword_in_upper_case", L + W[0] + "Quorum w1\n", form)
    bad("a_comment_behind_a_line", L + W[0] + "quorum w1 # one\n", "Comment lines start with #.")
    bad("a_log_without_a_key", "log\n" + W[0] + end, "log <vkey> [<url>]", LOGS)
    bad("a_log_with_two_urls", L[:-1] + " https://a.example https://b.example\n" + W[0] + end, "log <vkey> [<url>]", LOGS)
    bad("a_log_with_a_name", L.replace("log ", "log l ", 1) + W[0] + end, "log <vkey> [<url>]", LOGS)
    bad("a_witness_without_a_key", L + W[0] + "witness w2\n" + end, "witness <name> <vkey> [<url>]", WITNESSES)
    bad("a_witness_without_a_name", L + W[0] + f"witness {W2.vkey}\n" + end, "witness <name> <vkey> [<url>]", WITNESSES)
    bad("a_witness_with_two_urls", L + W[0][:-1] + " https://a.example https://b.example\n" + end,
        "witness <name> <vkey> [<url>]", WITNESSES)
    bad("a_no_break_space_between_fields", L + W[0] + "quorum\u00a0w1\n", "Whitespace is space and tab only.")
    bad("a_key_in_hex", f"log {LOG.public.hex()}\n" + W[0] + end, "Keys are written as vkeys.", KEYS)
    bad("a_vkey_with_a_wrong_id", L.replace(LOG.id.hex(), "00000000") + W[0] + end, "Keys are written as vkeys.", KEYS)
    for code in (0x00, 0x0B, 0x0C, 0x0D, 0x1B, 0x7F):
        bad(f"the_octet_{code:02x}_in_a_comment", L + W[0] + f"# a{chr(code)}b\n" + end,
            "Allowed are 0x09, 0x0A, 0x20-0x7E and 0x80-0xFF.", CHARACTERS)
    bad("carriage_returns", (L + W[0] + end).replace("\n", "\r\n"), "Allowed are 0x09, 0x0A, 0x20-0x7E and 0x80-0xFF.",
        CHARACTERS)
    file.either("parse", "no_newline_at_the_end", SYNTAX, "Each line is terminated by a newline; that a reader must refuse "
                "a last line without one is not said.", policy=L + W[0] + "quorum w1")
    file.either("parse", "the_same_key_as_log_and_as_witness", KEYS, "Duplicates are defined within logs and within "
                "witnesses.", policy=L + f"witness w1 {Key('log', 'w.example', COSIGNATURE).vkey}\n" + end)
    file.either("parse", "a_threshold_with_a_leading_zero", GROUPS, "Written in decimal; zeroes in front are not mentioned.",
                policy=L + W[0] + "group g 01 w1\nquorum g\n")


def names_refused(file):
    def bad(name, text, because, section=GROUPS, basis="must"):
        file.error("parse", name, section, because, basis, policy=text)

    two, end = L + W[0] + W[1], "quorum w1\n"
    bad("a_policy_of_no_bytes", "", "Exactly one quorum line.", QUORUM)
    bad("no_quorum_line", two, "Exactly one quorum line.", QUORUM)
    bad("two_quorum_lines", two + end + "quorum w2\n", "Exactly one quorum line.", QUORUM)
    bad("the_same_quorum_line_twice", two + end + end, "Exactly one quorum line.", QUORUM)
    bad("a_quorum_without_a_name", two + "quorum\n", "quorum <name>", QUORUM)
    bad("a_quorum_of_two_names", two + "quorum w1 w2\n", "quorum <name>", QUORUM)
    bad("a_quorum_of_an_unknown_name", two + "quorum w3\n", "The name is defined on a line before.", QUORUM)
    bad("a_quorum_before_its_witness", L + end + W[0], "The name is defined on a line before.", QUORUM)
    bad("a_quorum_of_a_log", two + f"quorum {LOG.name}\n", "Names are of witnesses and groups.", QUORUM)
    bad("a_quorum_of_the_key_name_of_a_witness", two + f"quorum {W1.name}\n", "Names are those of the policy file.", QUORUM)
    above = "A group refers to names on lines before, which rules out circles."
    bad("a_group_of_an_unknown_name", two + "group g any w3\n" + end, above)
    bad("a_group_before_its_member", L + W[0] + "group g any w2\n" + W[1] + "quorum g\n", above)
    bad("a_group_that_is_its_own_member", two + "group g any w1 g\nquorum g\n", above)
    bad("two_groups_that_are_members_of_each_other", two + "group a any w1 b\ngroup b any w2 a\nquorum a\n", above)
    once = "Witnesses and groups share one namespace; each name is defined once."
    bad("two_witnesses_of_one_name", L + W[0] + W[1].replace("w2", "w1", 1) + end, once, "What is a \"policy\"?", "implied")
    bad("two_groups_of_one_name", two + "group g any w1\ngroup g any w2\nquorum g\n", once, "What is a \"policy\"?", "implied")
    bad("a_group_named_like_a_witness", two + "group w1 any w2\n" + end, once, "What is a \"policy\"?", "implied")
    bad("a_witness_named_like_a_group", L + W[0] + "group g any w1\n" + W[1].replace("w2", "g", 1) + "quorum g\n", once,
        "What is a \"policy\"?", "implied")
    none = "`none` is predefined and invalid as a group member."
    bad("a_witness_named_none", L + W[0].replace("w1", "none", 1) + "quorum none\n", none, "What is a \"policy\"?", "implied")
    bad("a_group_named_none", two + "group none any w1\nquorum none\n", none, "What is a \"policy\"?", "implied")
    bad("none_as_a_group_member", two + "group g any w1 none\nquorum g\n", none, "What is a \"policy\"?")
    member = "Each name can be listed as a group member at most once."
    bad("a_member_twice_in_one_group", two + "group g 2 w1 w1\nquorum g\n", member)
    bad("a_witness_in_two_groups", two + "group a any w1\ngroup b any w1 w2\ngroup c all a b\nquorum c\n", member)
    bad("a_group_in_two_groups", two + "group a any w1\ngroup b all a\ngroup c all a w2\nquorum c\n", member)
    bad("a_witness_in_two_groups_that_the_quorum_does_not_use", two + "group a any w1\ngroup b any w1\nquorum w2\n", member)
    bad("a_group_without_members", two + "group g any\nquorum g\n", "At least one member.")
    bad("a_group_without_a_threshold", two + "group g\n" + end, "group <name> all|any|<k> <name>...")
    threshold = "k is decimal and 1 <= k <= n."
    for name, k in (("0", "0"), ("more_than_its_members", "3"), ("minus_1", "-1"), ("plus_1", "+1"), ("a_fraction", "1.5"),
                    ("a_percentage", "50%"), ("a_word", "most"), ("any_in_upper_case", "ANY"), ("hexadecimal", "0x1"),
                    ("2_to_the_64_plus_1", str(2**64 + 1)), ("2_to_the_32_plus_1", str(2**32 + 1))):
        bad(f"a_threshold_of_{name}", two + f"group g {k} w1 w2\nquorum g\n", threshold)
    twice = "Two vkeys are duplicates if they wrap the same public key, even if name and id differ."
    bad("a_log_twice", L + L + W[0] + end, twice, LOGS)
    bad("a_log_key_under_two_names", L + f"log {LOG.renamed('log.example/c').vkey}\n" + W[0] + end, twice, LOGS)
    bad("a_witness_twice", L + W[0] + W[0].replace("w1", "w2", 1) + end, twice, WITNESSES)
    bad("a_witness_key_under_two_names", L + W[0] + f"witness w2 {W1.renamed('witness.example/c').vkey}\n" + end, twice,
        WITNESSES)
    types = "Log and witness keys have a type for their function."
    bad("a_log_with_a_witness_key", f"log {W2.vkey}\n" + W[0] + end, types, KEYS)
    bad("a_witness_with_a_log_key", L + f"witness w1 {STRANGER.vkey}\n" + end, types, KEYS)


POLICIES = {
    "one_witness": (W[:1], "quorum w1\n", lambda s: "w1" in s),
    "none": (W[:1], "quorum none\n", lambda s: True),
    "two_of_three": (W[:3], "group g 2 w1 w2 w3\nquorum g\n", lambda s: len(s & {"w1", "w2", "w3"}) >= 2),
    "all_of_three": (W[:3], "group g all w1 w2 w3\nquorum g\n", lambda s: {"w1", "w2", "w3"} <= s),
    "any_of_three": (W[:3], "group g any w1 w2 w3\nquorum g\n", lambda s: bool(s & {"w1", "w2", "w3"})),
    "two_regions": (W, "group x 2 w1 w2 w3\ngroup y any w4 w5\ngroup g all x y\nquorum g\n",
                    lambda s: len(s & {"w1", "w2", "w3"}) >= 2 and bool(s & {"w4", "w5"})),
    "one_of_two_regions": (W, "group x all w1 w2 w3\ngroup y all w4 w5\ngroup g any x y\nquorum g\n",
                           lambda s: {"w1", "w2", "w3"} <= s or {"w4", "w5"} <= s),
    "a_group_and_a_witness": (W[:3], "group x any w1 w2\ngroup g 2 x w3\nquorum g\n",
                              lambda s: "w3" in s and bool(s & {"w1", "w2"})),
    "three_floors": (W, "group a any w1 w2\ngroup b 2 a w3 w4\ngroup c all b w5\nquorum c\n",
                     lambda s: "w5" in s and (bool(s & {"w1", "w2"}) + ("w3" in s) + ("w4" in s)) >= 2),
    "an_unused_group": (W[:3], "group unused any w1 w2\nquorum w3\n", lambda s: "w3" in s),
}


def quorums(file):
    """Every subset of the witnesses, judged by a sentence and not by a parser."""
    for name, (witnesses, rest, met) in POLICIES.items():
        names = [f"w{i}" for i in range(1, len(witnesses) + 1)]
        subsets = [set(c) for n in range(len(names) + 1) for c in itertools.combinations(names, n)]
        table = [{"cosigned": sorted(subset), "satisfied": met(subset)} for subset in subsets]
        file.ok("quorum", f"a_quorum_of_{name}", GROUPS, "A group witnesses if at least k of its members do.", table,
                policy=L + "".join(witnesses) + rest)


def notes(file):
    text, policy = checkpoint(5), L + f"log {LOG_B.vkey}\n" + "".join(W[:3]) + "group g 2 w1 w2 w3\nquorum g\n"

    def judge(make, name, lines, because, basis="must", policy=policy, text=text):
        make("verify", name, "What is a \"policy\"?", because, basis=basis, policy=policy, note=note(text, *lines))

    s, c1, c2, c3 = LOG.sign(text), W1.cosign(text), W2.cosign(text), W3.cosign(text)
    either_log = "Any one of the listed logs signed, and the quorum cosigned."
    judge(file.ok, "two_of_three_cosigned", [s, c1, c3], either_log)
    judge(file.ok, "all_three_cosigned", [s, c1, c2, c3], either_log)
    judge(file.ok, "cosignatures_before_the_log", [c2, c1, s], either_log)
    judge(file.ok, "strangers_beside_the_quorum", [STRANGER.sign(text), s, c1, W4.cosign(text), c2], either_log)
    other = checkpoint(5, LOG_B.name)
    judge(file.ok, "the_second_log_of_the_policy", [LOG_B.sign(other), W1.cosign(other), W2.cosign(other)], either_log,
          text=other)
    judge(file.error, "one_of_three_cosigned", [s, c1], "The quorum is two.")
    judge(file.error, "nobody_cosigned", [s], "The quorum is two.")
    judge(file.error, "one_witness_cosigned_twice", [s, c1, W1.cosign(text, 1)], "A witness counts once.")
    judge(file.error, "the_log_did_not_sign", [c1, c2, c3], "A listed log signs.")
    judge(file.error, "the_other_log_signed", [LOG_B.sign(text), c1, c2], "The key name corresponds to the origin.")
    judge(file.error, "a_cosignature_of_another_checkpoint", [s, c1, W2.cosign(checkpoint(6))], "It does not verify.")
    judge(file.error, "a_cosignature_as_a_plain_signature",
          [s, c1, W2.line(bytes(8) + W2.raw(text.encode()))], "It does not verify.")
    judge(file.error, "an_unknown_log", [LOG.renamed("log.example/c").sign(checkpoint(5, "log.example/c")),
          W1.cosign(checkpoint(5, "log.example/c")), W2.cosign(checkpoint(5, "log.example/c"))], "A listed log signs.",
          text=checkpoint(5, "log.example/c"))
    judge(file.error, "a_bad_cosignature_beside_a_quorum", [s, c1, c2, W3.cosign(checkpoint(6))],
          "signed-note: a known signature that fails should reject the note.", "should")
    rotated = L + f"log {LOG_NEW.vkey}\n" + W[0] + "quorum w1\n"
    judge(file.ok, "one_of_two_keys_of_the_log_signed", [s, c1], "Any one of the listed logs signed.", policy=rotated)
    judge(file.ok, "quorum_none_needs_the_log_only", [s], "No cosignature is required.", policy=L + "quorum none\n")


def build():
    file = File("policy", ["https://c2sp.org/tlog-policy"], [LOG, LOG_B, W1, W2, W3, W4, W5])
    accepted(file)
    lines_refused(file)
    names_refused(file)
    quorums(file)
    notes(file)
    return file
