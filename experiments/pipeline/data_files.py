"""The files behind a manifest: what they were when a stage or a training read them.

A manifest names files, and stays the same when they are replaced. So two notes are taken.

The stage that writes a manifest, or packs shards, writes a digest of the files beside it
(`contents.json`): what depends on the manifest's folder runs again, and a training on other
pictures is another training. Files count by the hash of their bytes, and no byte is read twice for
it: DVC notes the hash of each file that it has read with the file's inode, size and modification
time, and so do we, in its database.

A training notes the size and the time of change of every file that it may read, beside its
checkpoint, and looks again before it resumes; no byte of them is read. Where a time differs and no
size does, the digest above decides: data that were rendered or checked out anew are the same data.
Without such a digest another time counts as another file.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from dvc.exceptions import NotDvcRepoError
from dvc.fs import localfs
from dvc.repo import Repo
from dvc_data.hashfile.hash import hash_file
from dvc_data.hashfile.state import StateBase
from numpy.typing import NDArray

from pano_data import DataError, Row, read_manifest, replace_file, write_text

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


NOTE = "data_files.npz"
PARTS = ("train", "unlabelled", "val")
BATCH = 4096
THREADS = 16  # a network drive answers many questions at once
GONE = (-1, -1)


class ManifestFiles(NamedTuple):
    """Files behind a manifest or an index of shards.

    Attributes:
        made_of: The manifest or the index: the key of a training holds its digest.
        root: Folder of the files.
        names: Below `root`, in the order in which they are digested.
    """

    made_of: Path
    root: Path
    names: list[str]


def check_data_files(state: Path, data: Mapping[str, Any]) -> None:
    """Note the data files of a training in its state, or compare them with what was noted.

    Args:
        state: Folder of the resumable state.
        data: Resolved arguments of the data module.

    Raises:
        DataError: There is a checkpoint, and a file is not the one that it was trained on.
    """
    note, found = state / NOTE, list(_data_files(data))
    now = {f"{files.made_of} {files.root}": _stamps(files) for files in found}
    if note.is_file() and (state / "last.ckpt").is_file():
        with np.load(note, allow_pickle=False) as before:
            for files, (name, stamps) in zip(found, now.items(), strict=True):
                if name in before:
                    _compare(files, before[name], stamps, state)
    with replace_file(note) as part:
        np.savez_compressed(part, allow_pickle=False, **now)


def _compare(
    files: ManifestFiles, before: NDArray[np.int64], now: NDArray[np.int64], state: Path
) -> None:
    changed = np.flatnonzero((before != now).any(1))
    if not len(changed):
        return
    resized = np.flatnonzero(before[:, 0] != now[:, 0])
    if not len(resized):
        noted = read_digest(files.made_of)
        if noted is not None and noted == digest_files(files.names, files.root):
            return
    first = int((resized if len(resized) else changed)[0])
    old, new = int(before[first, 0]), int(now[first, 0])
    how = "is gone" if new < 0 else f"had {old} bytes, has {new}" if old != new else "is newer"
    raise DataError(
        f"cannot resume: {len(changed)} of {len(files.names)} files of {files.made_of} changed "
        f"since {state} was begun, e.g. {files.root / files.names[first]} {how}. Restore them; or "
        f"remove {state} to train afresh on what is there now; or, if they are the same, {NOTE} "
        "in it"
    )


def _data_files(data: Mapping[str, Any]) -> Iterator[ManifestFiles]:
    """Yield what each source of a data module reads, once."""
    seen = set()
    for part in PARTS:
        for source in (data.get(part) or {}).values():
            given = source.get("init_args", source)
            manifest, shards = given.get("manifest"), given.get("shards")
            place = (manifest, given.get("root"), shards)
            if place in seen:
                continue
            seen.add(place)
            if manifest is not None:
                yield ManifestFiles(Path(manifest), Path(given["root"]), _named(Path(manifest)))
            elif shards is not None:
                index = Path(shards) / "index.json"
                try:
                    chunks = json.loads(index.read_text())["chunks"]
                    names = sorted(chunk["filename"] for chunk in chunks)
                except (OSError, ValueError, KeyError, TypeError):
                    continue  # opening the shards says what is wrong
                yield ManifestFiles(index, Path(shards), names)


def _named(manifest: Path) -> list[str]:
    table = read_manifest(manifest).table
    columns = (table[name].to_pylist() for name in ("image", "depth", "mask"))
    return [name for row in zip(*columns, strict=True) for name in row if name]


def _stamps(files: ManifestFiles) -> NDArray[np.int64]:
    """Return sizes in bytes and times of change in ns, `(n, 2)`; -1 of a file that is gone."""
    parts = [files.names[i : i + BATCH] for i in range(0, len(files.names), BATCH)]
    with ThreadPoolExecutor(THREADS) as pool:
        found = pool.map(lambda names: _stat(files.root, names), parts)
        rows = [stamp for part in found for stamp in part]
    return np.array(rows, np.int64).reshape(-1, 2)


def _stat(root: Path, names: Sequence[str]) -> list[tuple[int, int]]:
    found = []
    for name in names:
        try:
            status = os.stat(f"{root}/{name}")  # noqa: PTH116 - of a million files
        except OSError:
            found.append(GONE)
        else:
            found.append((status.st_size, status.st_mtime_ns))
    return found
