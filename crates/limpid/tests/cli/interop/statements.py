"""Every entry of a log, read by programs that are not ours.

Arguments: the first constitution's payload, and a log's folder of entry bundles (C2SP tlog-tiles). Each entry must be
a DSSE envelope that securesystemslib verifies under the key the constitution gives its key id, around a statement
that in-toto-attestation parses and finds valid. A flipped bit in payload or signature must not verify. Standard
predicates must parse as in-toto defines them, without a field it does not know.
Prints one JSON object: how many statements of each predicate type, and how many flips were refused.
"""

import base64
import collections
import copy
import hashlib
import json
import pathlib
import sys

from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.predicates.vsa.v1 import vsa_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import SSlibKey

STANDARD = {
    "https://slsa.dev/provenance/v1": provenance_pb2.Provenance,
    "https://in-toto.io/attestation/test-result/v0.1": test_result_pb2.TestResult,
    "https://slsa.dev/verification_summary/v1": vsa_pb2.VerificationSummary,
}


def roster(constitution):
    """Statement keys by key id: SHA-256 of the raw key."""
    keys = {}
    for party in constitution["predicate"]["parties"]:
        for key in party["keys"]:
            if key["algorithm"] == "ed25519":
                raw = base64.b64decode(key["public"], validate=True)
                keyid = hashlib.sha256(raw).hexdigest()
                keys[keyid] = SSlibKey(keyid, "ed25519", "ed25519", {"public": raw.hex()})
    return keys


def entries(folder):
    """The bundle with the most entries: 16 bits of size before each."""
    bundles = [path for path in pathlib.Path(folder).rglob("*") if path.is_file()]
    rest = max(bundles, key=lambda path: path.stat().st_size).read_bytes()
    while rest:
        size = int.from_bytes(rest[:2], "big")
        yield rest[2 : 2 + size]
        rest = rest[2 + size :]


def is_refused(envelope, key):
    try:
        Envelope.from_dict(envelope).verify([key], 1)
    except (UnverifiedSignatureError, VerificationError):
        return True
    return False


def flipped(text):
    raw = bytearray(base64.b64decode(text))
    raw[len(raw) // 2] ^= 1
    return base64.b64encode(raw).decode()


def flips(envelope, key):
    payload, signature = copy.deepcopy(envelope), copy.deepcopy(envelope)
    payload["payload"] = flipped(payload["payload"])
    signature["signatures"][0]["sig"] = flipped(signature["signatures"][0]["sig"])
    return is_refused(payload, key) + is_refused(signature, key)


def parse_standard(parsed):
    """As in-toto's own messages have it."""
    predicate = json_format.MessageToDict(parsed.predicate)
    # SLSA has a list of levels; the message of this library has one (in-toto/attestation issue 425).
    if "verifiedLevels" in predicate:
        [predicate["verifiedLevels"]] = predicate["verifiedLevels"]
    json_format.ParseDict(predicate, STANDARD[parsed.predicate_type]())


def main(constitution, folder):
    keys = roster(json.loads(pathlib.Path(constitution).read_bytes()))
    seen, refused = collections.Counter(), 0
    for entry in entries(folder):
        envelope = json.loads(entry)
        key = keys[envelope["signatures"][0]["keyid"]]
        verified = Envelope.from_dict(copy.deepcopy(envelope))
        verified.verify([key], 1)
        assert verified.payload_type == "application/vnd.in-toto+json"
        parsed = json_format.Parse(verified.payload, statement_pb2.Statement())
        Statement.copy_from_pb(parsed).validate()
        if parsed.predicate_type in STANDARD:
            parse_standard(parsed)
        seen[parsed.predicate_type] += 1
        refused += flips(envelope, key)
    print(json.dumps({"statements": seen, "flips_refused": refused}))


if __name__ == "__main__":
    main(*sys.argv[1:])
