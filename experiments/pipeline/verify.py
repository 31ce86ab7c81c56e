"""`panodepth verify`: re-hashes every artefact that DVC tracks and names each file that differs.

`dvc status` trusts its database of modification times and its cache; this trusts bytes only.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc_data.hashfile.hash import file_md5
from dvc_data.hashfile.tree import Tree
from rich.console import Console

from pano_data import track
from panodepth import CommandError

State = Literal["same", "differs", "missing", "extra", "unreadable", "unlisted", "never made"]
MEANING: dict[State, str] = {
    "differs": "other bytes than dvc.lock says",
    "missing": "not there: `dvc checkout` or `dvc pull` brings it back",
    "extra": "in a tracked folder, but not of it",
    "unreadable": "cannot be read",
    "unlisted": "folder differs, the cache lacks its list of files: `dvc fetch` brings the list",
    "never made": "declared in dvc.yaml, not in dvc.lock: `dvc repro` makes it",
}


@dataclass(frozen=True)
class Expected:
    """A file and the hash that DVC recorded."""

    path: Path
    digest: str
    algorithm: str = "md5"


@dataclass(frozen=True)
class CheckedFile:
    """What became of one file."""

    path: Path
    state: State


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `panodepth verify`."""
    parser.add_argument(
        "--root", type=Path, default=Path(), help="root of the clone (default: here)"
    )
    parser.add_argument(
        "--cache",
        action="store_true",
        help="re-hash DVC's cached copies too (finds a damaged cache)",
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="files hashed at a time"
    )


def run(args: argparse.Namespace) -> int:
    """Run `panodepth verify`.

    Returns:
        0 when every tracked file is what dvc.lock says, 1 when one is not.

    Raises:
        CommandError: There is no pipeline here, or it cannot be read.
    """
    if args.jobs < 1:
        raise CommandError(f"--jobs is {args.jobs}, expected at least 1")
    expected, known = collect(args.root, args.cache)
    if not expected and not known:
        raise CommandError(
            f"{args.root.absolute()} tracks no artefact: expected a dvc.lock or .dvc files"
        )
    console = Console(stderr=True)
    findings = list(track(verify(expected, args.jobs), "hashing", len(expected)))
    bad = known + [f for f in findings if f.state != "same"]
    for finding in sorted(bad, key=lambda f: f.path):
        sys.stdout.write(f"{finding.state}\t{_shown(finding.path)}\n")
    for state in sorted({f.state for f in bad}):
        console.print(f"{state}: {MEANING[state]}", markup=False)
    console.print(f"{len(findings)} files hashed, {len(bad)} not as recorded")
    return 1 if bad else 0


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def collect(root: Path, cache: bool = False) -> tuple[list[Expected], list[CheckedFile]]:
    """List the files that DVC tracks under a clone with their recorded hashes.

    Args:
        root: Root of the clone.
        cache: Also list the copies in DVC's cache.

    Returns:
        The files to hash, and what is known to be wrong without hashing.

    Raises:
        CommandError: No DVC repository, or a damaged one.
    """
    expected: list[Expected] = []
    known: list[CheckedFile] = []
    try:
        with Repo(str(root)) as repo:
            for out in repo.index.outs:
                files, findings = _of_output(repo, out)
                expected += files
                known += findings
                if cache:
                    expected += _cached(out)
    except DvcException as error:
        raise CommandError(f"{root.absolute()} is no readable DVC repository: {error}") from error
    return list(dict.fromkeys(expected)), list(dict.fromkeys(known))


def _of_output(repo: Any, out: Any) -> tuple[list[Expected], list[CheckedFile]]:
    path = Path(out.fs_path)
    if not out.hash_info:
        return [], [CheckedFile(path, "never made")]
    if not out.hash_info.isdir:
        return [Expected(path, out.hash_info.value, out.hash_info.name)], []
    if not path.is_dir():
        return [], [CheckedFile(path, "missing")]
    found = _files(repo, path)
    listed = _list_of_files(out)
    if listed is None:
        same = _folder_hash(path, found, out.hash_info.name) == out.hash_info.value
        return ([], []) if same else ([], [CheckedFile(path, "unlisted")])
    files = [Expected(path / p, digest, out.hash_info.name) for p, digest in listed.items()]
    extra = found - {f.path for f in files}
    return files, [CheckedFile(p, "extra") for p in extra]


def _files(repo: Any, folder: Path) -> set[Path]:
    """Yield what DVC sees of a folder: everything but what .dvcignore leaves out."""
    walk = repo.dvcignore.walk(repo.fs, str(folder))
    return {Path(base) / name for base, _, names in walk for name in names}


def _list_of_files(out: Any) -> dict[str, str] | None:
    """Return path below the folder -> hash from the cache; None if that is absent or damaged."""
    stored = Path(out.cache.oid_to_path(out.hash_info.value))
    if not stored.is_file() or f"{file_md5(str(stored))}.dir" != out.hash_info.value:
        return None
    tree = Tree.load(out.cache, out.hash_info, hash_name=out.hash_info.name)
    return {"/".join(parts): info.value for parts, _, info in tree}


def _folder_hash(folder: Path, files: Iterable[Path], algorithm: str) -> str:
    entries = [
        {"relpath": f.relative_to(folder).as_posix(), "md5": file_md5(str(f), name=algorithm)}
        for f in files
    ]
    tree = Tree.from_list(entries, hash_name=algorithm)
    tree.digest()
    return str(tree.oid)


def _cached(out: Any) -> list[Expected]:
    """Yield the cached copies of an output: their names are their hashes."""
    if not out.hash_info or not out.use_cache:
        return []
    listed = _list_of_files(out) if out.hash_info.isdir else {"": out.hash_info.value}
    digests = set((listed or {}).values()) | {out.hash_info.value}
    return [
        Expected(Path(out.cache.oid_to_path(d)), d.removesuffix(".dir"), out.hash_info.name)
        for d in digests
    ]


def verify(expected: Iterable[Expected], jobs: int = 1) -> Iterator[CheckedFile]:
    """Hash files with DVC's own hash function.

    Args:
        expected: Files and recorded hashes.
        jobs: Files hashed at a time.

    Yields:
        One finding a file, in order.
    """
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(_check, expected)


def _check(file: Expected) -> CheckedFile:
    try:
        digest = file_md5(str(file.path), name=file.algorithm)
    except (FileNotFoundError, NotADirectoryError):
        return CheckedFile(file.path, "missing")
    except OSError:
        return CheckedFile(file.path, "unreadable")
    return CheckedFile(file.path, "same" if digest == file.digest else "differs")
