"""SBOMs as CycloneDX's own library sees them.

Arguments: files. Each must be valid under the strict JSON schema of its CycloneDX version; every purl must be in the
one spelling that packageurl-python gives it, every licence expression be one that license-expression knows.
A copy without a required field, one with a field that does not exist, and one with a digest cut short must be refused.
Prints one JSON array: for each file how many components, purls, expressions and refusals.
"""

import copy
import json
import pathlib
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import get_spdx_licensing
from packageurl import PackageURL

LICENSING = get_spdx_licensing()


def spoilt(bom):
    nameless, extended, short = copy.deepcopy(bom), copy.deepcopy(bom), copy.deepcopy(bom)
    del nameless["components"][0]["name"]
    extended["components"][0]["colour"] = "green"
    source = next(part for part in short["components"] if part["bom-ref"] == "source")
    source["hashes"][0]["content"] = source["hashes"][0]["content"][:-1]
    return [nameless, extended, short]


def judged(path):
    text = pathlib.Path(path).read_text()
    bom = json.loads(text)
    validator = JsonStrictValidator(SchemaVersion.from_version(bom["specVersion"]))
    fault = validator.validate_str(text)
    assert fault is None, f"{path}: {fault}"
    parts = bom["components"] + [part for formula in bom["formulation"] for part in formula["components"]]
    purls = [part["purl"] for part in parts if "purl" in part]
    for purl in purls:
        again = PackageURL.from_string(purl).to_string()
        assert again == purl, f"{purl} is written {again}"
    choices = [choice for part in parts for choice in part.get("licenses", [])]
    expressions = [choice["expression"] for choice in choices if "expression" in choice]
    for expression in expressions:
        LICENSING.parse(expression, validate=True)
    refusals = [validator.validate_str(json.dumps(copy)) is not None for copy in spoilt(bom)]
    return {
        "components": len(parts),
        "purls": len(purls),
        "expressions": len(expressions),
        "refusals": sum(refusals),
    }


if __name__ == "__main__":
    print(json.dumps([judged(path) for path in sys.argv[1:]]))
