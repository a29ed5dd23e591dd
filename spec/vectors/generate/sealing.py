"""The bytes of `spec/sealing.md`, written and never read."""

import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hpke import Secret, hkdf
from words import Key, ED25519, noise, sha256

CHUNK = 65_536
PURPOSES = ["analysis", "center", "supervisor"]


class Epochs:
    """One key for each purpose, named by digests that stand for their statements."""

    def __init__(self, label):
        self.secrets = {name: Secret(noise(f"{label} {name} epoch", 32)) for name in PURPOSES}
        self.names = {name: sha256(f"{label} {name} epoch statement".encode()).hex() for name in PURPOSES}

    def shown(self):
        return {
            name: {
                "epoch": self.names[name],
                "secret": self.secrets[name].seed.hex(),
                "public_sha256": sha256(self.secrets[name].public).hex(),
            }
            for name in PURPOSES
        }


CH = Epochs("ch")


class Sample:
    def __init__(self, label, file, epochs=CH, home="CH", region="europe"):
        self.label, self.file, self.epochs = label, file, epochs
        self.sample = noise(f"{label} sample", 16).hex()
        self.upload = Key(f"{label} upload", "upload", ED25519)
        self.home, self.region = home, region
        self.policy = sha256(b"policy").hex()
        self.seed = noise(f"{label} seed", 32)
        self.randomness = noise(f"{label} randomness", 64)
        self.shares = {side: self.derive(side, 32) for side in PURPOSES[1:]}

    def derive(self, label, length):
        return hkdf(self.seed, b"limpid seal v1\n" + label.encode(), length)

    def lines(self):
        """Key and value of each line of the header after the first."""
        return [
            ("suite", "hpke-647a-0001-0002"),
            ("sample", self.sample),
            ("upload_key", self.upload.public.hex()),
            ("home", self.home),
            ("region", self.region),
            ("policy", self.policy),
            *((f"epoch_{name}", self.epochs.names[name]) for name in PURPOSES),
            ("size", str(len(self.file))),
            *((f"share_{side}", sha256(share).hex()) for side, share in self.shares.items()),
        ]

    def header(self):
        return text(self.lines()).encode()

    def content_key(self):
        both = self.shares["center"] + self.shares["supervisor"]
        return hkdf(both, b"limpid seal v1\ncontent\n" + self.sample.encode(), 32)

    def wrap(self, purpose, secret=None, randomness=None):
        own = self.seed if purpose == "analysis" else self.shares[purpose]
        draw = self.randomness if purpose == "analysis" else self.derive(f"{purpose} wrap", 64)
        info = b"limpid seal v1\n" + purpose.encode() + b"\n" + self.header()
        return self.epochs.secrets[purpose].seal(info, secret or own, randomness or draw)

    def chunks(self):
        cipher, aad = AESGCM(self.content_key()), sha256(self.header())
        plain = [self.file[at : at + CHUNK] for at in range(0, len(self.file), CHUNK)]
        return [
            cipher.encrypt(index.to_bytes(11, "big") + bytes([index + 1 == len(plain)]), chunk, aad)
            for index, chunk in enumerate(plain)
        ]

    def ciphertext(self):
        return b"".join(self.chunks())

    def front(self, header=None, wraps=None):
        header = self.header() if header is None else header
        wraps = [self.wrap(purpose) for purpose in PURPOSES] if wraps is None else wraps
        return struct.pack(">H", len(header)) + header + b"".join(wraps)

    def seal(self, ciphertext=None):
        return sha256(sha256(self.header()) + sha256(ciphertext or self.ciphertext())).hex()


def text(lines):
    return "limpid seal v1\n" + "".join(f"{key} {value}\n" for key, value in lines)
