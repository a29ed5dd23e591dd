"""The texts of the C2SP specifications, written and never read: this side makes what others parse."""

import base64
import hashlib
import struct

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa
from dilithium_py.ml_dsa import ML_DSA_44

ED25519, ECDSA, COSIGNATURE, ML_DSA = 1, 2, 4, 6
DASH = "\u2014"
TIME = 1_700_000_000


def b64(data):
    return base64.b64encode(data).decode()


def sha256(data):
    return hashlib.sha256(data).digest()


def noise(label, length):
    """Bytes that look random and are the same on every run."""
    out = b""
    while len(out) < length:
        out += sha256(f"limpid vectors: {label} {len(out)}".encode())
    return out[:length]


def key_id(name, key_type, public):
    return sha256(name.encode() + b"\n" + bytes([key_type]) + public)[:4]


def vkey(name, identity, key_type, public):
    return f"{name}+{identity.hex()}+{b64(bytes([key_type]) + public)}"


class Key:
    """A signer whose seed is the digest of a label."""

    def __init__(self, label, name, key_type, seed_label=None):
        self.label, self.name, self.type = label, name, key_type
        self.seed = sha256(f"limpid vectors: seed of {seed_label or label}".encode())
        if key_type == ML_DSA:
            self.public, self._secret = ML_DSA_44.key_derive(self.seed)
        elif key_type == ECDSA:
            number = int.from_bytes(self.seed, "big") >> 1
            self._secret = ec.derive_private_key(number, ec.SECP256R1())
            self.public = self._secret.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        else:
            self._secret = ed25519.Ed25519PrivateKey.from_private_bytes(self.seed)
            self.public = self._secret.public_key().public_bytes_raw()
        if key_type == ECDSA:
            # The one type whose id is not over name, newline, type and key.
            self.id = sha256(self.public)[:4]
        else:
            self.id = key_id(name, key_type, self.public)

    @property
    def vkey(self):
        return vkey(self.name, self.id, self.type, self.public)

    def renamed(self, name):
        """The same raw key under another name."""
        return Key(self.label, name, self.type, self.label)

    def raw(self, message, context=b""):
        if self.type == ML_DSA:
            signature = ML_DSA_44.sign(self._secret, message, ctx=context, deterministic=True)
            # A second implementation agrees on every signature that is published here.
            public = mldsa.MLDSA44PublicKey.from_public_bytes(self.public)
            public.verify(signature, message, context) if context else public.verify(signature, message)
            return signature
        return self._secret.sign(message)

    def line(self, signature, identity=None, name=None):
        return line(name or self.name, (identity or self.id) + signature)

    def sign_note(self, text):
        """Type 0x01: over the text of the note."""
        return self.line(self.raw(text.encode()))

    def cosign(self, body, time=TIME, **changes):
        """Types 0x04 and 0x06: timestamp, then the signature over the message of that type."""
        return self.line(struct.pack(">Q", time) + self.raw(self.message(body, time, **changes)))

    def message(self, body, time, **changes):
        if self.type == COSIGNATURE:
            return ed25519_message(body, time)
        origin, size, root = body.split("\n")[:3]
        fields = {"cosigner": self.name, "timestamp": time, "origin": origin, "start": 0}
        fields |= {"end": int(size), "hash": base64.b64decode(root)} | changes
        return subtree_message(**fields)

    def sign(self, body, timestamp=TIME):
        """How a log signs a checkpoint with this key."""
        return self.sign_note(body) if self.type == ED25519 else self.cosign(body, timestamp)


def line(name, payload):
    return f"{DASH} {name} {b64(payload)}\n"


def ed25519_message(body, timestamp):
    return f"cosignature/v1\ntime {timestamp}\n{body}".encode()


def opaque(value):
    data = value.encode()
    assert 1 <= len(data) <= 255, "opaque<1..2^8-1>"
    return bytes([len(data)]) + data


def subtree_message(cosigner, timestamp, origin, start, end, hash, label=b"subtree/v1\n\0"):
    message = label + opaque(cosigner) + struct.pack(">Q", timestamp) + opaque(origin)
    return message + struct.pack(">QQ", start, end) + hash


def body(origin, size, root, *extensions):
    return "".join(f"{part}\n" for part in (origin, size, b64(root), *extensions))


def note(text, *lines):
    return text + "\n" + "".join(lines)


def hash_lines(hashes):
    return "".join(b64(value) + "\n" for value in hashes)


def add_checkpoint(old, proof, checkpoint):
    return f"old {old}\n{hash_lines(proof)}\n{checkpoint}"


def bundle(entries):
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in entries)


def index_path(index, width=256):
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    return "/".join(groups) + (f".p/{width}" if width < 256 else "")
