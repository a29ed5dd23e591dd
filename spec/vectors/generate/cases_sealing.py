"""Sealed samples: what sealing gives, and everything that must not open."""

from hpke import Secret
from sealing import CH, CHUNK, PURPOSES, Epochs, Sample, text
from vectors import File, exact
from words import noise, sha256

SMALL = Sample("small", b"The quick brown fox jumps over the lazy dog.\n")
OTHER = Sample("other", b"Pack my box with five dozen liquor jugs.\n")
THREE = Sample("three", noise("three chunks", 2 * CHUNK + 1000))


def build():
    file = File("sealing", ["spec/sealing.md", "RFC 9180", "draft-connolly-cfrg-xwing-kem"], family="limpid", epochs=CH.shown())
    headers(file)
    derived(file)
    sealed(file)
    fronts(file)
    contents(file)
    demands(file)
    return file


def headers(file):
    lines = SMALL.lines()
    good = text(lines)
    result = {"sha256": sha256(good.encode()).hex(), "ciphertext_bytes": len(SMALL.file) + 16}
    file.ok("header", "a_header", "Header", "Twelve lines after the first, in this order.", result, header=good)
    size = lambda value: good.replace(f"size {len(SMALL.file)}\n", f"size {value}\n")
    for value, bytes_ in [(1, 17), (CHUNK, CHUNK + 16), (CHUNK + 1, CHUNK + 33), (1 << 30, (1 << 30) + 16 * 16384)]:
        header = size(value)
        result = {"sha256": sha256(header.encode()).hex(), "ciphertext_bytes": bytes_}
        because = "Each chunk of 65,536 bytes, and what is left over, grows by 16."
        file.ok("header", f"a_size_of_{value}", "Ciphertext", because, result, header=header)

    def refused(name, header, because):
        file.error("header", name, "Header", because, header=header)

    refused("a_size_of_0", size(0), "There is nothing to analyse.")
    refused("a_size_above_the_limit", size((1 << 30) + 1), "At most 2^30 bytes.")
    refused("a_size_with_a_leading_zero", size("045"), "Numbers have one spelling.")
    refused("a_size_with_a_sign", size("+45"), "Numbers have one spelling.")
    refused("a_size_above_64_bits", size(1 << 64), "At most 2^30 bytes.")
    refused("an_empty_header", "", "The first line names the format.")
    refused("another_version", good.replace("seal v1", "seal v2"), "The first line names format and version.")
    refused("another_suite", good.replace("0001-0002", "0001-0003"), "There is one suite.")
    refused("a_missing_last_newline", good[:-1], "Each line ends with a newline.")
    refused("an_empty_line_at_the_end", good + "\n", "Nothing follows the last line.")
    refused("a_line_more", good + "country CH\n", "Nothing follows the last line; never the country.")
    refused("carriage_returns", good.replace("\n", "\r\n"), "A line ends with a newline alone.")
    refused("a_byte_order_mark", "\ufeff" + good, "The first line names the format.")
    refused("two_spaces", good.replace("home CH", "home  CH"), "One space between key and value.")
    refused("a_space_at_the_end", good.replace("home CH", "home CH "), "A value is exact.")
    refused("bytes_that_are_no_utf_8", good.encode().replace(b"europe", b"europ\xe9"), "Lines are UTF-8.")
    for index, (key, value) in enumerate(lines):
        refused(f"without_the_line_{key}", text(lines[:index] + lines[index + 1 :]), "Every line stands there.")
        refused(f"the_line_{key}_twice", text(lines[: index + 1] + lines[index:]), "Every line stands there once.")
        empty = lines[:index] + [(key, "")] + lines[index + 1 :]
        refused(f"an_empty_{key}", text(empty), "No value is empty.")
    swapped = [lines[1], lines[0], *lines[2:]]
    refused("two_lines_swapped", text(swapped), "The order is fixed.")
    for key, value in lines:
        if len(value) in (32, 64):
            refused(f"{key}_in_capitals", good.replace(value, value.upper()), "Hex is in lower case.")
            refused(f"a_short_{key}", good.replace(f"{key} {value}", f"{key} {value[:-1]}"), "Hex has its full length.")
    refused("a_home_in_lower_case", good.replace("home CH", "home ch"), "ISO 3166-1 alpha-2, in capitals.")
    refused("a_home_of_three_letters", good.replace("home CH", "home CHE"), "ISO 3166-1 alpha-2.")
    refused("a_region_in_capitals", good.replace("region europe", "region Europe"), "Out of a-z, 0-9 and -.")
    refused("a_region_of_65_letters", good.replace("region europe", "region " + 65 * "e"), "At most 64 characters.")
    point = SMALL.upload.public.hex()
    refused("an_upload_key_of_small_order", good.replace(point, "01" + 31 * "00"), "Anybody's signature would fit.")
    refused("an_upload_key_that_is_no_point", good.replace(point, "02" + 31 * "00"), "An Ed25519 public key.")


def derived(file):
    for sample in (SMALL, THREE):
        result = {side: share.hex() for side, share in sample.shares.items()}
        result |= {"content": sample.content_key().hex()}
        file.ok("derive", f"the_keys_of_{sample.label}", "Keys", "HKDF-SHA256 without salt; the info says what comes out.",
                result, seed=sample.seed.hex(), sample=sample.sample)
    for purpose in PURPOSES:
        file.ok("public_key", f"the_{purpose}_key", "Wraps", "X-Wing: SHAKE256 of the seed gives both private keys.",
                exact(CH.secrets[purpose].public), secret=CH.secrets[purpose].seed.hex())


def sealed(file):
    for sample in (SMALL, OTHER, THREE):
        ciphertext = sample.ciphertext()
        result = {
            "header": sample.header(),
            "wraps": {purpose: sha256(sample.wrap(purpose)).hex() for purpose in PURPOSES},
            "front_sha256": sha256(sample.front()).hex(),
            "ciphertext_sha256": sha256(ciphertext).hex(),
            "seal": sample.seal(),
        }
        whole = {"file": exact(sample.file)} if len(sample.file) < 100 else {"file_noise": "three chunks", "file_bytes": len(sample.file)}
        file.ok("seal", f"the_sample_{sample.label}", "Sealing", "Everything follows from seed, randomness, address and file.",
                result, sample=sample.sample, upload_key=sample.upload.public.hex(), home=sample.home, region=sample.region,
                policy=sample.policy, seed=sample.seed.hex(), randomness=sample.randomness.hex(), **whole)


def fronts(file):
    section = "Opening"
    good = [SMALL.wrap(purpose) for purpose in PURPOSES]
    ciphertext = SMALL.ciphertext()

    def case(name, front, how, because):
        fields = {"front": exact(front), "ciphertext": exact(ciphertext), "seal": SMALL.seal()}
        if how is None:
            file.ok("open", name, section, because, {"file": SMALL.file}, **fields)
        else:
            file.error("open", name, section, because, how=how, **fields)

    case("a_sample_as_it_was_sealed", SMALL.front(), None, "The wraps are those that the seed gives.")
    redrawn = SMALL.wrap("analysis", randomness=noise("redrawn", 64))
    case("an_analysis_wrap_with_other_randomness", SMALL.front(wraps=[redrawn, *good[1:]]), None,
         "Its randomness does not come from the seed, and nobody can tell.")
    for index, side in list(enumerate(PURPOSES))[1:]:
        def put(wrap):
            return SMALL.front(wraps=good[:index] + [wrap] + good[index + 1 :])
        how = f"missealed {side} wrap"
        because = "The seed gives another wrap."
        case(f"garbage_for_the_{side}", put(noise("garbage", 1168)), how, because)
        case(f"the_{side}_wrap_of_another_sample", put(OTHER.wrap(side)), how, because)
        case(f"a_false_share_for_the_{side}", put(SMALL.wrap(side, secret=noise("false share", 32))), how, because)
        case(f"the_{side}_wrap_with_other_randomness", put(SMALL.wrap(side, randomness=noise("drawn", 64))), how,
             "It opens to the right share, but the seed gives another wrap.")
        stranger = Secret(noise("stranger", 32))
        info = b"limpid seal v1\n" + side.encode() + b"\n" + SMALL.header()
        foreign = stranger.seal(info, SMALL.shares[side], SMALL.derive(f"{side} wrap", 64))
        case(f"the_{side}_wrap_for_a_stranger", put(foreign), how, because)
        last = good[index][:-1] + bytes([good[index][-1] ^ 1])
        case(f"a_changed_{side}_wrap", put(last), how, because)
    swapped = SMALL.front(wraps=[good[0], good[2], good[1]])
    case("the_wraps_at_rest_swapped", swapped, "missealed center wrap", "The seed gives another wrap.")
    lied = Sample("small", SMALL.file)
    lied.shares["supervisor"] = noise("lie", 32)
    front = lied.front()
    case("a_header_with_a_false_share_digest", front, "missealed supervisor share",
         "The header names the digest of another share than the seed gives.")
    because = "Another key, another header or changed bytes; they cannot be told apart."
    for at in (0, 1087, 1088, 1119, 1120, 1167):
        changed = bytearray(good[0])
        changed[at] ^= 0x80
        case(f"an_analysis_wrap_changed_at_byte_{at}", SMALL.front(wraps=[bytes(changed), *good[1:]]), "wrap", because)
    case("the_analysis_wrap_of_another_sample", SMALL.front(wraps=[OTHER.wrap("analysis"), *good[1:]]), "wrap", because)
    case("a_share_wrap_as_analysis_wrap", SMALL.front(wraps=[good[1], *good[1:]]), "wrap", because)
    region = SMALL.header().replace(b"region europe", b"region asia")
    case("another_region_in_the_header", SMALL.front(header=region), "wrap", because)
    elsewhere = Epochs("elsewhere")
    named = SMALL.header().decode()
    for purpose in PURPOSES:
        header = named.replace(CH.names[purpose], elsewhere.names[purpose]).encode()
        case(f"another_{purpose}_epoch_in_the_header", SMALL.front(header=header), "epoch", "The key is of another epoch.")
    abroad = SMALL.front(header=named.replace("home CH", "home RU").encode())
    case("another_home_in_the_header", abroad, "home", "The epochs are of another home.")
    whole = SMALL.front()
    because = "Two bytes of length, the header, three wraps of 1,168 bytes, and no more."
    for name, front in [
        ("an_empty_front", b""),
        ("a_front_of_one_byte", whole[:1]),
        ("a_front_without_its_last_byte", whole[:-1]),
        ("a_front_with_a_byte_more", whole + b"\x00"),
        ("a_front_without_its_last_wrap", whole[:-1168]),
        ("a_front_that_claims_a_longer_header", b"\x06\x01" + whole[2:]),
        ("a_front_that_claims_no_header", b"\x00\x00" + whole[2:]),
    ]:
        case(name, front, "form", because)


def contents(file):
    section = "Ciphertext"
    chunks = THREE.chunks()
    first, second, last = chunks

    def case(name, how, because, ciphertext, seal=None, sample=THREE, key=None):
        fields = {"header": sample.header(), "key": (key or sample.content_key()).hex()}
        fields |= {"parts": ciphertext, "seal": seal or sample.seal()}
        if how is None:
            file.ok("content", name, section, because, {"sha256": sha256(sample.file).hex()}, **fields)
        else:
            file.error("content", name, section, because, how=how, **fields)

    # The long chunks are named by what was sealed; `parts` puts them together.
    def piece(index, **change):
        return {"chunk": index} | change

    file.setup["chunks"] = {"content": "noise(\"three chunks\", 132072), sealed as the_sample_three",
                            "sha256": [sha256(chunk).hex() for chunk in chunks]}
    whole = [piece(0), piece(1), piece(2)]
    case("three_chunks", None, "In their order, the last one marked.", whole)
    case("the_last_byte_missing", "length", "The size says how long each chunk is.", [piece(0), piece(1), piece(2, cut=1)])
    case("the_last_chunk_missing", "unfinished", "Cut between two chunks.", whole[:2])
    case("no_chunk", "unfinished", "Nothing came.", [])
    case("sixteen_bytes_more", "length", "Nothing follows the last chunk.", whole + [{"bytes": exact(bytes(16))}])
    case("two_chunks_swapped", "chunk 0", "The place is in the nonce.", [piece(1), piece(0), piece(2)])
    case("a_chunk_repeated", "chunk 1", "The place is in the nonce.", [piece(0), piece(0), piece(2)])
    for index, at in [(0, 0), (0, CHUNK + 15), (1, 7), (2, 0), (2, 1015)]:
        case(f"chunk_{index}_changed_at_byte_{at}", f"chunk {index}", "Each chunk is authenticated.",
             [piece(i, flip=at) if i == index else piece(i) for i in range(3)])
    case("the_key_of_another_sample", "chunk 0", "The key is of one sample.", whole, key=SMALL.content_key())
    case("the_name_of_another_sample", "other seal", "Header digest and ciphertext digest make the name.", whole, seal=SMALL.seal())


def demands(file):
    wraps = sha256(b"".join(SMALL.wrap(purpose) for purpose in PURPOSES)).hex()
    messages = {
        "upload": f"limpid upload v1\n{SMALL.seal()}\n{wraps}\n",
        "erase": f"limpid erase v1\n{SMALL.sample}\n{SMALL.seal()}\n",
        "disclose": f"limpid disclose v1\n{SMALL.sample}\n{SMALL.seal()}\n",
    }
    fields = {"upload_key": SMALL.upload.public.hex(), "seal": SMALL.seal()}
    for kind, message in messages.items():
        fields |= {"kind": kind, "wraps": wraps, "sample": SMALL.sample}
        signature = SMALL.upload.raw(message.encode())
        file.ok("demand", f"an_{kind}_by_the_owner", "Demands", "Signed by the upload key.", {"message": message},
                signature=signature.hex(), **fields)
        stranger = OTHER.upload.raw(message.encode())
        file.error("demand", f"an_{kind}_by_a_stranger", "Demands", "Signed by another key.", signature=stranger.hex(), **fields)
        for other in messages:
            if other != kind:
                crossed = SMALL.upload.raw(messages[other].encode())
                file.error("demand", f"an_{kind}_signed_as_{other}", "Demands", "The first line says what is demanded.",
                           signature=crossed.hex(), **fields)
