"""Admission of uploads: how an issuer of tokens knows an installation. The tokens themselves have the vectors of RFC 9578."""

import base64

from vectors import File, exact
from words import Key, noise, sha256

VENDOR = Key("licence key", "vendor", 0x01)
OTHER = Key("another licence key", "other", 0x01)
INSTALLATION = Key("installation", "installation", 0x01)
STRANGER = Key("another installation", "stranger", 0x01)
ISSUER = "issuer.center.example"
END = 1_900_000_000
REQUEST = b"\x00\x02\x7f" + noise("token request", 256)


def b64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def licensed(key, end):
    return b"limpid licence v1\n" + key + end.to_bytes(8, "big")


def licence(key=INSTALLATION.public, end=END, by=VENDOR, said=None):
    """`said` is the end that is written, if it is not the one that was signed."""
    return key + (end if said is None else said).to_bytes(8, "big") + by.raw(licensed(key, end))


def asked(issuer=ISSUER, request=REQUEST):
    return f"limpid token request v1\n{issuer}\n{sha256(request).hex()}\n".encode()


def build():
    keys = {"licence_keys": [VENDOR.public.hex()], "issuer": ISSUER}
    file = File("admission", ["spec/admission.md", "RFC 8032"], family="limpid", **keys)
    honest = {
        "request": exact(REQUEST),
        "licence": b64url(licence()),
        "signature": b64url(INSTALLATION.raw(asked())),
        "now": END,
    }
    section = "Asking for a token"

    def refused(name, how, because, **changes):
        file.error("check", name, section, because, how=how, **(honest | changes))

    result = {"installation": INSTALLATION.public.hex()}
    file.ok("check", "a_licensed_installation_in_its_last_second", section, "Key, end and signature; the request is signed.", result, **honest)
    for end in [0, 1, (1 << 63) - 1, (1 << 64) - 1]:
        file.ok("check", f"a_licence_that_ends_at_{end}", section, "The end is eight bytes, big endian.", result,
                **(honest | {"licence": b64url(licence(end=end)), "now": 0}))
    refused("a_licence_that_is_over", "ended", "The end is the last second.", now=END + 1)
    refused("another_end_than_was_signed", "licence", "The end is signed.", licence=b64url(licence(said=END + 1)))
    refused("another_installation_than_was_signed", "licence", "The key is signed.",
            licence=b64url(STRANGER.public + licence()[32:]))
    refused("a_licence_of_another_vendor", "licence", "A licence key that the issuer is configured with.", licence=b64url(licence(by=OTHER)))
    refused("a_licence_that_the_installation_signed", "licence", "A licence key signs it.", licence=b64url(licence(by=INSTALLATION)))
    crossed = INSTALLATION.public + END.to_bytes(8, "big") + VENDOR.raw(asked())
    refused("a_licence_with_the_signature_of_a_request", "licence", "The first line says what is signed.", licence=b64url(crossed))
    refused("a_request_that_another_installation_signed", "installation", "The installation of the licence signs.",
            signature=b64url(STRANGER.raw(asked())))
    refused("a_request_that_the_vendor_signed", "installation", "The installation of the licence signs.", signature=b64url(VENDOR.raw(asked())))
    refused("a_request_to_another_issuer", "installation", "The issuer is signed.",
            signature=b64url(INSTALLATION.raw(asked(issuer="issuer.other.example"))))
    refused("another_request", "installation", "The SHA-256 of the body is signed.",
            request=exact(b"\x00\x02\x7f" + noise("another token request", 256)))
    upper = asked().replace(sha256(REQUEST).hex().encode(), sha256(REQUEST).hex().upper().encode())
    refused("a_digest_in_upper_case", "installation", "Lower-case hex.", signature=b64url(INSTALLATION.raw(upper)))
    refused("no_newline_at_the_end", "installation", "Three lines, each with its newline.",
            signature=b64url(INSTALLATION.raw(asked()[:-1])))
    forms(refused)
    return file


def forms(refused):
    good, signature = licence(), INSTALLATION.raw(asked())
    text = "Base64url without padding."
    for field, data in [("licence", good), ("signature", signature)]:
        encoded = b64url(data)
        refused(f"a_{field}_with_padding", "form", text, **{field: encoded + "="})
        refused(f"a_{field}_in_standard_base64", "form", text, **{field: b64url(data[:-3]) + "+/+/"})
        refused(f"a_{field}_with_a_space", "form", text, **{field: " " + encoded})
        refused(f"a_{field}_with_bits_left_over", "form", "The last character has no bits that nobody reads.",
                **{field: leftover(encoded)})
        refused(f"an_empty_{field}", "form", "The length is fixed.", **{field: ""})
        refused(f"a_{field}_that_is_a_byte_short", "form", "The length is fixed.", **{field: b64url(data[:-1])})
        refused(f"a_{field}_that_is_a_byte_longer", "form", "The length is fixed.", **{field: b64url(data + b"\x00")})


def leftover(encoded):
    """The same bytes by a decoder that ignores the last character's spare bits."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(encoded) % 4, "there are spare bits"
    return encoded[:-1] + alphabet[alphabet.index(encoded[-1]) + 1]
