"""A whole update by python-tuf's client from a repository of ours.

Arguments: the repository's folder, the path of one target in it, and a scratch folder. The client starts from the
first root and goes the specified way: timestamp, snapshot, targets, delegated role, target file. Then the same
against a copy in which one byte of one file is another: each must be refused.
Prints one JSON object: the target's SHA-256, and the error for each spoilt file.
"""

import hashlib
import json
import pathlib
import sys

from tuf.api.exceptions import DownloadHTTPError, RepositoryError
from tuf.ngclient import FetcherInterface, Updater

BASE = "https://repository.example/"


class FromFolder(FetcherInterface):
    """Gives out files, one of them spoilt."""

    def __init__(self, folder, spoilt):
        self.folder, self.spoilt = pathlib.Path(folder), spoilt

    def _fetch(self, url):
        path = self.folder / url.removeprefix(BASE)
        if not path.is_file():
            raise DownloadHTTPError(url, 404)
        content = path.read_bytes()
        if self.spoilt == "timestamp.json" == path.name:
            # Nothing pins this file but its signatures: it says something else in the same form.
            assert b'"expires":"2' in content
            content = content.replace(b'"expires":"2', b'"expires":"3')
        elif self.spoilt and self.spoilt in path.name:
            middle = len(content) // 2
            content = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        return iter([content])


def update(repository, target, scratch, spoilt=None):
    root = (pathlib.Path(repository) / "metadata/1.root.json").read_bytes()
    state = pathlib.Path(scratch) / (spoilt or "honest")
    (state / "metadata").mkdir(parents=True)
    (state / "targets").mkdir()
    client = Updater(
        metadata_dir=str(state / "metadata"),
        metadata_base_url=BASE + "metadata/",
        target_dir=str(state / "targets"),
        target_base_url=BASE + "targets/",
        fetcher=FromFolder(repository, spoilt),
        bootstrap=root,
    )
    client.refresh()
    info = client.get_targetinfo(target)
    assert info is not None, f"{target} is not listed"
    return pathlib.Path(client.download_target(info)).read_bytes()


def main(repository, target, scratch):
    installed = update(repository, target, scratch)
    refusals = {}
    role, name = target.split("/")[0] + ".json", target.rsplit("/", 1)[1]
    for spoilt in ["timestamp.json", "snapshot.json", "targets.json", role, name]:
        try:
            update(repository, target, scratch, spoilt)
        except RepositoryError as error:
            refusals[spoilt] = type(error).__name__
    print(json.dumps({"sha256": hashlib.sha256(installed).hexdigest(), "refusals": refusals}))


if __name__ == "__main__":
    main(*sys.argv[1:])
