"""Writes the vector files, or with --check compares them with what would be written.

    python3 -m venv env && env/bin/pip install -r requirements.txt
    env/bin/python generate.py [--check]
"""

import importlib
import pathlib
import sys

MODULES = [
    "note", "checkpoint", "cosignature", "tiles", "proof", "subtree", "policy", "witness", "mirror", "sealing",
    "admission",
]
FOLDER = pathlib.Path(__file__).resolve().parent.parent


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    different = 0
    for name in MODULES:
        file = importlib.import_module(f"cases_{name}").build()
        path, text = FOLDER / f"{name}.json", file.text()
        if check:
            same = path.exists() and path.read_text(encoding="utf-8") == text
            different += not same
            print(f"{name}: {len(file.cases)} cases, {'as generated' if same else 'DIFFERENT'}")
        else:
            path.write_text(text, encoding="utf-8")
            print(f"{name}: {len(file.cases)} cases, {len(text)} bytes")
    sys.exit(1 if different else 0)


main()
