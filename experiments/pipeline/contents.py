"""What lies behind a manifest: it names files, and stays the same when they are replaced.

The stage that writes a manifest, or packs shards, writes a digest of the files beside it. So what
depends on the manifest's folder runs again, and a training on other pictures is another training.

Files count by the hash of their bytes, and no byte is read twice for it: DVC notes the hash of each
file that it has read with the file's inode, size and modification time, and so do we, in its
database. A stage's raw tree is its dependency, which DVC has hashed before the stage starts.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dvc.exceptions import NotDvcRepoError
from dvc.fs import localfs
from dvc.repo import Repo
from dvc_data.hashfile.hash import hash_file
from dvc_data.hashfile.state import StateBase

from pano_data import Row, write_text

CONTENTS = "contents.json"
MISSING = "missing"


def digest_rows(rows: Iterable[Row], root: Path) -> str:
    """Return the SHA-256 over the names and contents of all files of `rows`, in their order."""
    names = (name for row in rows for name in (row.image, row.depth, row.mask) if name)
    return digest_files(names, root)


def digest_files(names: Iterable[str], root: Path) -> str:
    """Return the SHA-256 over names below `root` and contents; a missing file counts as missing."""
    found = hashlib.sha256()
    with _known_hashes() as known:
        for name in names:
            found.update(f"{name} {_hash(root / name, known)}\n".encode())
    return found.hexdigest()


def _hash(path: Path, known: StateBase | None) -> str:
    try:
        _, info = hash_file(str(path.absolute()), localfs, "md5", known)
    except (FileNotFoundError, IsADirectoryError):
        return MISSING  # reading it will say so
    return str(info.value)


@contextmanager
def _known_hashes() -> Iterator[StateBase | None]:
    """Open the database in which DVC keeps the hashes of files; None outside of a pipeline."""
    try:
        repo = Repo()
    except NotDvcRepoError:
        yield None
        return
    with repo:
        yield repo.state


def write_digests(folder: Path, digests: Mapping[str, str]) -> None:
    """Write `contents.json`: stem of each manifest (or index) in the folder -> digest."""
    write_text(folder / CONTENTS, json.dumps(dict(digests), indent=1) + "\n")


def read_digest(manifest: Path) -> str | None:
    """Return the digest written for a manifest; None if its stage writes none."""
    path = manifest.with_name(CONTENTS)
    if not path.is_file():
        return None
    found: str | None = json.loads(path.read_text()).get(manifest.stem)
    return found
