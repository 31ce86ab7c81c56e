"""Fetches published weight files from the model hub: resumed, checked, under their name when whole.

The hub's own library finds the revision, reads ranges and retries. What it lacks since its version
2 is kept here: a download that was killed resumes where it stopped.
"""

import errno
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

from filelock import FileLock

from pano_models.errors import CheckpointError, ModelNotFoundError
from pano_models.storage.whole_file import FULL
from pano_models.weights.cache import (
    FOLDER_VARIABLE,
    check_file,
    digest_of_file,
    find_weights,
    read_file_record,
    weight_path,
    write_file_record,
)
from pano_models.weights.published import PublishedWeights, published

logger = logging.getLogger(__name__)

BLOCK = 16 * 2**20
"""Bytes asked for at once; a download that is killed loses at most so many."""


class _Remote(NamedTuple):
    """One file of a repository at one commit."""

    commit: str
    size: int
    sha256: str | None


def fetch_weights(name: str, folder: Path | None = None, endpoint: str | None = None) -> Path:
    """Return the weight file of a name in `PUBLISHED`, downloaded if it is not on this machine.

    The licence is logged (as a warning, so that it is seen) when a file is downloaded.

    Args:
        name: For example `da2`.
        folder: Where files and records lie; `weights_folder()` if None.
        endpoint: Of the hub; the hub library's own (`HF_ENDPOINT`) if None.

    Raises:
        ModelNotFoundError: No such name; or it is not here and the hub cannot be reached, has no
            such file, or is not where the authors keep it: says which file to put where.
        CheckpointError: The file has another digest than expected.
        OSError: The disk is full, or the folder cannot be written.
    """
    try:
        entry = published(name)
    except KeyError as error:
        raise ModelNotFoundError(str(error.args[0])) from error
    present = find_weights(entry, folder)
    if present is None:
        place = weight_path(entry, folder)
        if not entry.on_hub:
            raise ModelNotFoundError(_by_hand(entry, place, "its authors keep it on no model hub"))
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(place.with_name(place.name + ".lock")):
            if not place.is_file():  # another process may have fetched it meanwhile
                _download(entry, place, folder, endpoint)
        present = place
    check_file(entry, present, folder)
    return present


def _by_hand(entry: PublishedWeights, place: Path, reason: str) -> str:
    """Return what to do where a file cannot be downloaded."""
    source = entry.page or f"the repository {entry.repository}"
    at = f" at revision {entry.revision[:12]}" if entry.on_hub and entry.revision else ""
    use = f"official:{entry.name}" if entry.kind == "official" else entry.name
    return (
        f"{use} is not on this machine, and {reason}. Take {entry.file} from {source}{at}, put it "
        f"at {place} and use {use} again"
        + (f", or give it as {use}=FILE" if entry.kind == "official" else "")
        + f". {FOLDER_VARIABLE} names another folder"
    )


def _download(
    entry: PublishedWeights, place: Path, folder: Path | None, endpoint: str | None
) -> None:
    record = read_file_record(entry, folder)
    remote = _look_up(entry, record.revision if record else None, place, endpoint)
    expected = entry.sha256 or remote.sha256
    partial = _open_partial(place, remote)
    have = partial.stat().st_size
    _check_space(place.parent, remote.size - have)
    logger.warning(
        "%s: %.2f GB from %s at %s; licence: %s",
        *(entry.name, remote.size / 1e9, entry.repository, remote.commit[:12], entry.terms),
    )
    try:
        _receive(entry, remote, partial, endpoint)
    except OSError as error:
        if error.errno in FULL:
            raise
        raise ModelNotFoundError(
            f"{_by_hand(entry, place, f'the download stopped: {_first_line(error)}')}. What has "
            f"arrived ({partial.stat().st_size:,} of {remote.size:,} bytes) is kept: the next try "
            "resumes there"
        ) from error
    found = digest_of_file(partial)
    if expected and found != expected:
        partial.unlink()
        origin = "published" if entry.sha256 else "stated by the hub"
        raise CheckpointError(
            f"what was downloaded as {entry.file} of {entry.repository} has the SHA-256 "
            f"{found[:12]}…, expected {expected[:12]}… ({origin}): it is thrown away. Try again; "
            "if it fails again, the file was replaced or a proxy changes it"
        )
    partial.replace(place)
    _about_path(partial).unlink(missing_ok=True)
    compared = "published" if entry.sha256 else "hub" if remote.sha256 else "first use"
    write_file_record(entry, place, found, remote.commit, compared, folder)
    if not entry.sha256:
        logger.warning(
            "no digest of %s is known to this package: the SHA-256 %s (%s) at revision %s is "
            "recorded, and another file is refused from now on",
            *(entry.name, found, "stated by the hub" if remote.sha256 else "as downloaded"),
            remote.commit,
        )


def _look_up(
    entry: PublishedWeights, recorded: str | None, place: Path, endpoint: str | None
) -> _Remote:
    """Ask the hub for commit, size and digest of the file."""
    from huggingface_hub import HfApi  # slow to import, and rarely needed

    revision = entry.revision or recorded
    try:
        about = HfApi(endpoint=endpoint).model_info(
            entry.repository, revision=revision, files_metadata=True, timeout=30
        )
    except Exception as error:
        # errors of the hub, and of whichever HTTP library it uses in this version
        reason = f"the hub cannot give it ({_first_line(error)})"
        raise ModelNotFoundError(_by_hand(entry, place, reason)) from error
    file = next((s for s in about.siblings or () if s.rfilename == entry.file), None)
    if file is None or file.size is None or about.sha is None:
        reason = f"the hub's {entry.repository} has no {entry.file} at {revision or 'main'}"
        raise ModelNotFoundError(_by_hand(entry, place, reason))
    return _Remote(about.sha, file.size, file.lfs.sha256 if file.lfs else None)


def _receive(entry: PublishedWeights, remote: _Remote, partial: Path, endpoint: str | None) -> None:
    """Append to `partial` what is missing of the file.

    Raises:
        OSError: The connection broke for good, or the disk is full.
    """
    import huggingface_hub.utils as hub_utils  # its bar obeys the hub's variables
    from huggingface_hub import HfFileSystem

    hub = HfFileSystem(endpoint=endpoint, use_listings_cache=False, skip_instance_cache=True)
    path = f"{entry.repository}@{remote.commit}/{entry.file}"
    with partial.open("ab") as local, _as_os_errors():
        bar = cast(Any, hub_utils).tqdm(
            total=remote.size, initial=local.tell(), unit="B", unit_scale=True, desc=entry.name
        )
        with bar, hub.open(path, "rb", block_size=BLOCK, cache_type="none") as source:
            source.seek(local.tell())
            while (missing := remote.size - local.tell()) > 0:
                block = source.read(min(BLOCK, missing))
                if len(block) != min(BLOCK, missing):
                    raise ConnectionError(f"got {len(block)} bytes, expected {min(BLOCK, missing)}")
                local.write(block)
                local.flush()
                bar.update(len(block))
        os.fsync(local.fileno())


@contextmanager
def _as_os_errors() -> Iterator[None]:
    """Turn the errors of whichever HTTP library the hub's library uses into `ConnectionError`."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise ConnectionError(_first_line(error)) from error


def _open_partial(place: Path, remote: _Remote) -> Path:
    """Return the file that holds what has arrived; that of another commit is thrown away."""
    partial = place.with_name(place.name + ".partial")
    about, text = _about_path(partial), json.dumps(remote._asdict())
    same = partial.is_file() and about.is_file() and about.read_text() == text
    if not same or partial.stat().st_size > remote.size:
        partial.unlink(missing_ok=True)
    about.write_text(text)
    partial.touch()
    return partial


def _about_path(partial: Path) -> Path:
    return partial.with_name(partial.name + ".json")


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(
            errno.ENOSPC,
            f"{folder} has {free / 1e9:.2f} GB free, expected {needed / 1e9:.2f} GB for the rest "
            f"of the download: free some, or name another folder by {FOLDER_VARIABLE}",
        )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
