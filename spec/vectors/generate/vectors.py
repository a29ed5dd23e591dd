"""One JSON file of cases: how it is put together and what every case must say."""

import json

from words import b64

REVISION = "C2SP/C2SP at 5ba5ee830903e91240fc6f9f3a7a9293d49e69c9 (2026-07-22)"
LICENCE = "Apache-2.0 OR MIT"
EXPECT = {"ok", "error", "either"}
BASIS = {"must", "should", "implied", "open"}


def plain(value):
    """Bytes as text where they are UTF-8, else in base64."""
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return {"base64": b64(value)}
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value


def exact(data):
    """Bytes that are binary whatever they hold."""
    return {"base64": b64(data)}


class File:
    def __init__(self, name, specs, keys=(), family="c2sp", **setup):
        self.name, self.specs, self.setup, self.cases = name, specs, setup, []
        self.family = family
        self.keys = {key.label: key for key in keys}

    def case(self, op, name, expect, basis, section, because, **fields):
        assert expect in EXPECT and basis in BASIS, name
        assert (expect == "either") == (basis == "open"), name
        assert name not in {case["name"] for case in self.cases}, name
        assert name == name.lower() and " " not in name, name
        result = fields.pop("result", None)
        case = {"name": name, "op": op} | plain(fields) | {"expect": expect}
        if result is not None:
            case["result"] = plain(result)
        case |= {"basis": basis, "section": section, "because": because}
        self.cases.append(case)

    def ok(self, op, name, section, because, result=None, basis="must", **fields):
        self.case(op, name, "ok", basis, section, because, result=result, **fields)

    def error(self, op, name, section, because, basis="must", **fields):
        self.case(op, name, "error", basis, section, because, **fields)

    def either(self, op, name, section, because, **fields):
        self.case(op, name, "either", "open", section, because, **fields)

    def text(self):
        keys = {
            label: {"name": key.name, "type": key.type, "seed": key.seed.hex(), "vkey": key.vkey}
            for label, key in self.keys.items()
        }
        head = {"format": f"{self.family}-vectors/{self.name}", "specifications": self.specs}
        if self.family == "c2sp":
            head["revision"] = REVISION
        head["licence"] = LICENCE
        if keys:
            head["keys"] = keys
        document = head | self.setup | {"cases": self.cases}
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
