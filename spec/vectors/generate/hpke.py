"""HPKE (RFC 9180) in base mode with X-Wing, HKDF-SHA256 and AES-256-GCM, sealing with given randomness."""

import hashlib
import hmac

from cryptography.hazmat.primitives import hpke as other
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from kyber_py.ml_kem import ML_KEM_768

KEM, KDF, AEAD = 0x647A, 0x0001, 0x0002
SUITE = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (KEM, KDF, AEAD))
LABEL = b"\\.//^\\"


def extract(salt, secret):
    return hmac.digest(salt or bytes(32), secret, "sha256")


def expand(key, info, length):
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.digest(key, block + info + bytes([counter]), "sha256")
        out, counter = out + block, counter + 1
    return out[:length]


def hkdf(secret, info, length):
    return expand(extract(b"", secret), info, length)


class Secret:
    """An X-Wing private key: 32 bytes."""

    def __init__(self, seed):
        self.seed = seed
        expanded = hashlib.shake_256(seed).digest(96)
        self._matrix_seed, point = expanded[:64], expanded[64:]
        self._matrix, _ = ML_KEM_768.key_derive(self._matrix_seed)
        self._point = x25519.X25519PrivateKey.from_private_bytes(point)
        self._point_public = self._point.public_key().public_bytes_raw()
        self.public = self._matrix + self._point_public

    def encapsulate(self, randomness):
        """To this key's public half: shared secret and ciphertext (draft-connolly-cfrg-xwing-kem section 5.4)."""
        for_matrix, for_point = randomness[:32], randomness[32:]
        shared_matrix, sealed_matrix = ML_KEM_768._encaps_internal(self._matrix, for_matrix)
        ephemeral = x25519.X25519PrivateKey.from_private_bytes(for_point)
        sealed_point = ephemeral.public_key().public_bytes_raw()
        shared_point = ephemeral.exchange(x25519.X25519PublicKey.from_public_bytes(self._point_public))
        shared = shared_matrix + shared_point + sealed_point + self._point_public + LABEL
        return hashlib.sha3_256(shared).digest(), sealed_matrix + sealed_point

    def seal(self, info, secret, randomness):
        """One message to this key; the other implementation must open it."""
        shared, sealed_key = self.encapsulate(randomness)

        def labeled_extract(salt, label, value):
            return extract(salt, b"HPKE-v1" + SUITE + label + value)

        context = b"\x00" + labeled_extract(b"", b"psk_id_hash", b"") + labeled_extract(b"", b"info_hash", info)
        prk = labeled_extract(shared, b"secret", b"")

        def labeled_expand(label, length):
            return expand(prk, length.to_bytes(2, "big") + b"HPKE-v1" + SUITE + label + context, length)

        message = AESGCM(labeled_expand(b"key", 32)).encrypt(labeled_expand(b"base_nonce", 12), secret, b"")
        assert self.open(info, sealed_key + message) == secret
        return sealed_key + message

    def open(self, info, wrap):
        suite = other.Suite(other.KEM.MLKEM768_X25519, other.KDF.HKDF_SHA256, other.AEAD.AES_256_GCM)
        matrix = mlkem.MLKEM768PrivateKey.from_seed_bytes(self._matrix_seed)
        return suite.decrypt(wrap, other.MLKEM768X25519PrivateKey(matrix, self._point), info)
