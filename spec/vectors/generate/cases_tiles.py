"""tlog-tiles: paths, which tiles a tree has, what is in them, entry bundles."""

import hashlib
import struct

import merkle
from cast import TREE, entry
from vectors import File, exact
from words import b64, bundle, index_path

TREES, PARTIAL, ENTRIES = "Merkle Tree", "Partial Tiles", "Log entries"


def path(level, index, width=256):
    return f"tile/{level}/{index_path(index, width)}"


def paths(file):
    def ok(name, level, index, width, because, basis="must"):
        result = {"level": level, "index": index, "width": width}
        file.ok("tile_path", name, TREES, because, result, basis, path=path(level, index, width))

    groups = "N is zero-padded 3-digit path elements; all but the last begin with x."
    ok("the_index_of_the_specification", 0, 1234067, 256, groups)
    for index in (0, 1, 999, 1_000, 1_001, 999_999, 1_000_000, 1_000_001, 2**32, 2**40 + 7):
        ok(f"the_path_of_index_{index}", 0, index, 256, groups)
    ok("a_path_of_level_1", 1, 0, 256, "L is a decimal without leading zeroes.")
    ok("a_path_of_level_63", 63, 0, 256, "L is between 0 and 63.")
    for width in (1, 9, 10, 99, 100, 255):
        ok(f"a_partial_path_of_width_{width}", 0, 273, width, "W is between 1 and 255 without leading zeroes.")
    ok("a_partial_path_behind_groups", 2, 1_234_067, 17, groups)
    bundles = "N and .p/W have the same meaning as in tile paths."
    for index, width in ((0, 256), (273, 112), (1_234_067, 256), (1_000, 1)):
        file.ok("bundle_path", f"the_bundle_path_of_index_{index}", ENTRIES, bundles, {"index": index, "width": width},
                path=f"tile/entries/{index_path(index, width)}")


BAD_INDEX = [
    ("an_x_before_the_last_group", "x001/x234/x067"), ("no_x_before_a_group", "001/234/067"),
    ("no_x_before_the_first_group", "001/x234/067"), ("an_x_before_a_single_group", "x000"),
    ("an_x_in_upper_case", "X001/067"), ("a_group_of_two_digits", "67"), ("a_group_of_four_digits", "0067"),
    ("a_first_group_of_two_digits", "x01/067"), ("a_group_of_letters", "0a7"), ("a_sign_in_a_group", "+67"),
    ("an_empty_group", "x001//067"), ("no_index", ""), ("a_slash_at_the_end", "067/"),
    ("a_suffix", "067.bin"), ("a_dot_segment", "x001/../067"), ("an_encoded_slash", "x001%2f067"),
    ("a_space", "067 "), ("a_newline", "067\n"), ("arabic_indic_digits", "\u0660\u0666\u0667"),
]
BAD_WIDTH = [
    ("a_width_of_0", "067.p/0"), ("a_width_of_256", "067.p/256"), ("a_width_of_257", "067.p/257"),
    ("a_width_with_a_leading_zero", "067.p/08"), ("a_width_of_three_digits_with_zeroes", "067.p/008"),
    ("a_width_with_a_sign", "067.p/+8"), ("a_negative_width", "067.p/-8"), ("an_empty_width", "067.p/"),
    ("no_width", "067.p"), ("a_p_in_upper_case", "067.P/8"), ("two_widths", "067.p/8.p/8"),
    ("a_width_with_a_group", "067.p/x008"), ("a_width_behind_a_first_group", "x001.p/8/067"),
    ("a_path_below_the_width", "067.p/8/000"),
]


def bad_paths(file):
    def bad(name, text, because, op="tile_path", basis="must", section=TREES):
        file.error(op, name, section, because, basis, path=text)

    groups = "N is zero-padded 3-digit path elements; all but the last begin with x."
    width = "W is a decimal between 1 and 255 without leading zeroes."
    for cases, because in ((BAD_INDEX, groups), (BAD_WIDTH, width)):
        for name, text in cases:
            bad(f"a_tile_path_with_{name}", f"tile/0/{text}", because)
            bad(f"a_bundle_path_with_{name}", f"tile/entries/{text}", because, "bundle_path", section=ENTRIES)
    bad("a_tile_path_with_a_group_of_zeroes_in_front", "tile/0/x000/067",
        "One index has one path, or caches and readers differ.", basis="implied")
    level = "L is a decimal between 0 and 63 without leading zeroes."
    for name, text in (("of_level_64", "64"), ("of_level_01", "01"), ("of_level_00", "00"), ("of_level_minus_1", "-1"),
                       ("with_an_empty_level", ""), ("of_level_256", "256"), ("of_level_0x1", "0x1")):
        bad(f"a_tile_path_{name}", f"tile/{text}/067", level)
    for name, text in (("without_a_level", "tile/067"), ("with_a_slash_in_front", "/tile/0/067"),
                       ("of_another_folder", "tiles/0/067"), ("in_upper_case", "TILE/0/067"), ("of_nothing", ""),
                       ("of_static_ct", "tile/data/067"), ("with_a_height", "tile/8/0/x067")):
        bad(f"a_tile_path_{name}", text, "tile/<L>/<N>[.p/<W>]")
    bad("a_bundle_path_is_no_tile_path", "tile/entries/067", level)
    bad("a_tile_path_is_no_bundle_path", "tile/0/067", "tile/entries/<N>[.p/<W>]", "bundle_path", section=ENTRIES)
    file.either("tile_path", "an_index_beyond_64_bits", TREES, "No bound is given; no tree has such a tile.",
                path="tile/0/x018/x446/x744/x073/x709/x551/616")
    file.either("tile_path", "an_index_whose_leaves_are_beyond_64_bits", TREES,
                "No bound is given; no tree has such a tile.", path=path(0, 2**56))


def shapes(file):
    """How many full tiles each level has, and how wide its partial one is."""
    for size in (0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000, 16_777_216, 2**32 + 1, 2**63 - 1):
        levels, level = [], 0
        while size >> (8 * level):
            hashes = size >> (8 * level)
            levels.append({"full": hashes // 256, "partial": hashes % 256})
            level += 1
        because = "floor(size / 256^level) mod 256 hashes are in the partial tile; empty tiles are not served."
        name = "the_tree_of_the_specification" if size == 70_000 else f"the_tiles_of_a_tree_of_{size}"
        bundles = {"full": size // 256, "partial": size % 256}
        file.ok("tiles_of", name, PARTIAL, because, {"levels": levels, "bundles": bundles}, size=size)


def tile(level, index, width):
    span = 256**level
    start = index * 256
    return b"".join(TREE.root((start + i) * span, (start + i + 1) * span) for i in range(width))


def contents(file):
    """Digests of what a log of the entries `entry 0`, `entry 1`, ... serves."""
    for size in (1, 2, 255, 256, 257, 700, 65_536, 70_000):
        found, level = {}, 0
        while size >> (8 * level):
            hashes = size >> (8 * level)
            last = hashes // 256
            wanted = {0, last - 1} & set(range(last))
            for index in sorted(wanted):
                found[path(level, index)] = hashlib.sha256(tile(level, index, 256)).hexdigest()
            if hashes % 256:
                found[path(level, last, hashes % 256)] = hashlib.sha256(tile(level, last, hashes % 256)).hexdigest()
            level += 1
        width = size % 256 or 256
        last = (size - 1) // 256
        entries = bundle([entry(last * 256 + i) for i in range(width)])
        found[f"tile/entries/{index_path(last, width)}"] = hashlib.sha256(entries).hexdigest()
        file.ok("tree", f"the_served_files_of_{size}_entries", TREES,
                "Tile n of level l holds MTH(D[(n*256+i)*256^l : (n*256+i+1)*256^l]); all hashes as in RFC 6962.",
                {"root": b64(TREE.size_root(size)), "sha256": found}, size=size)
    full = tile(0, 0, 256)
    file.ok("hash_up", "a_full_tile_is_one_hash_of_the_next_level", TREES,
            "At level 1 and above each hash is that of a full tile below.", b64(TREE.root(0, 256)), tile=exact(full))
    must = "Only full tiles are hashed into the level above; they have 8192 bytes."
    for name, data in (("a_partial_tile_is_never_hashed_up", full[:-32]), ("a_tile_of_8191_bytes", full[:-1]),
                       ("a_tile_of_8193_bytes", full + b"\0"), ("an_empty_tile", b"")):
        file.error("hash_up", name, PARTIAL, must, tile=exact(data))


def bundles(file):
    framing = "Big-endian uint16 length, then the entry; repeated."

    def ok(name, entries, because=framing, basis="must"):
        result = [{"base64": b64(one)} for one in entries]
        file.ok("bundle", name, ENTRIES, because, result, basis, bytes=exact(bundle(entries)), width=len(entries))

    def bad(name, data, width, because=framing, basis="must"):
        file.error("bundle", name, ENTRIES, because, basis, bytes=exact(data), width=width)

    ok("a_bundle_of_one_entry", [b"entry"])
    ok("a_bundle_of_an_empty_entry", [b""], basis="implied")
    ok("a_bundle_of_two_entries", [b"a", b"bc"])
    ok("a_bundle_of_256_entries", [entry(i) for i in range(256)])
    ok("a_bundle_with_empty_entries_between", [b"", b"a", b"", b""], basis="implied")
    ok("an_entry_of_256_bytes_has_its_length_in_big_endian", [b"e" * 256])
    ok("an_entry_of_65535_bytes", [b"\xff" * 65_535])
    good = bundle([b"a", b"bc"])
    bad("a_bundle_of_nothing", b"", 1)
    bad("a_bundle_that_ends_in_a_length", good[:4], 2)
    bad("a_bundle_that_ends_in_an_entry", good[:-1], 2)
    bad("a_bundle_that_goes_on", good + b"\0", 2, "A partial bundle of width 2 has two entries and no more.")
    bad("a_bundle_with_an_entry_more", bundle([b"a", b"bc", b"d"]), 2,
        "A partial bundle of width 2 has two entries and no more.")
    bad("a_bundle_with_an_entry_less", good, 3, "A partial bundle of width 3 has three entries.")
    bad("a_bundle_with_lengths_in_little_endian", b"".join(struct.pack("<H", len(e)) + e for e in (b"a", b"bc")), 2)
    bad("a_bundle_with_lengths_of_32_bits", b"".join(struct.pack(">I", len(e)) + e for e in (b"a", b"bc")), 2)
    bad("a_bundle_with_a_length_beyond_its_end", b"\xff\xffa", 1)
    bad("a_bundle_of_257_entries", bundle([b""] * 257), 257, "A bundle has at most 256 entries.")
    bad("a_bundle_of_width_0", b"", 0, "Empty tiles must not be served.")
    file.error("entry", "an_entry_of_65536_bytes_has_no_bundle", ENTRIES, "A uint16 length cannot state it.", "must",
               length=65_536)
    file.ok("entry", "an_entry_of_65535_bytes_has_a_bundle", ENTRIES, "A uint16 length can state it.", length=65_535)


def build():
    file = File("tiles", ["https://c2sp.org/tlog-tiles"])
    paths(file)
    bad_paths(file)
    shapes(file)
    contents(file)
    bundles(file)
    return file
