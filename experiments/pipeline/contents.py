"""What lies behind a manifest: it names files, and stays the same when they are replaced.

The stage that writes a manifest notes a digest of the files beside it. So what depends on the manifest's
folder runs again, and a training on other pictures is another training.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from pano_data import Row, write_text

CONTENTS = "contents.json"


def digest(rows: Iterable[Row], root: Path) -> str:
    """SHA-256 over the names and sizes of all files of `rows`, and over the bytes of their masks.

    Pictures and labels are compressed, so another scene has another size; to read them all would take as
    long as DVC's own hash of the raw tree. Masks are small, and two of them may well have one size.
    """
    found = hashlib.sha256()
    for row in rows:
        for name in (row.image, row.depth):
            found.update(f"{name} {_size(root / name) if name else 0}\n".encode())
        if row.mask is not None and (root / row.mask).is_file():
            found.update((root / row.mask).read_bytes())
    return found.hexdigest()


def _size(path: Path) -> int:
    """Bytes of a file; -1 where there is none (reading it will say so)."""
    return path.stat().st_size if path.is_file() else -1


def note(folder: Path, digests: Mapping[str, str]) -> None:
    """Writes `contents.json`: stem of each manifest in the folder -> digest."""
    write_text(folder / CONTENTS, json.dumps(dict(digests), indent=1) + "\n")


def noted(manifest: Path) -> str | None:
    """The digest noted for a manifest; None if its stage notes none."""
    path = manifest.with_name(CONTENTS)
    if not path.is_file():
        return None
    found: str | None = json.loads(path.read_text()).get(manifest.stem)
    return found
