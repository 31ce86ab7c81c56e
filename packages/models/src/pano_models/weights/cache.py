"""The folder that holds published weight files, and what is known of each file in it."""

import hashlib
import json
import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from pano_models.errors import CheckpointError
from pano_models.storage.whole_file import replace_file
from pano_models.weights.published import PublishedWeights

logger = logging.getLogger(__name__)

FOLDER_VARIABLE = "PANODEPTH_WEIGHTS"
"""Environment variable that names the folder; without it the hub library's assets cache."""
RECORD_ENDING = ".json"


@dataclass(frozen=True)
class FileRecord:
    """What was found of a weight file when it was first used.

    Attributes:
        sha256: Of the whole file.
        size: Bytes.
        modified_ns: Time of the last change: an unchanged file is not hashed again.
        repository: Where it is from.
        revision: Commit of the repository, None where the file was put there by hand.
        compared_with: What the digest was compared with: `published`, `hub` or `first use`.
    """

    sha256: str
    size: int
    modified_ns: int
    repository: str
    revision: str | None
    compared_with: str


def weights_folder() -> Path:
    """Return the folder of published weights: `$PANODEPTH_WEIGHTS`, else below `HF_HOME`."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named).expanduser()
    from huggingface_hub import constants  # slow to import, and rarely needed

    return Path(constants.HF_ASSETS_CACHE) / "panodepth" / "weights"


def weight_path(entry: PublishedWeights, folder: Path | None = None) -> Path:
    """Return where the file of an entry lies, or has to be put."""
    return (folder or weights_folder()) / entry.name.replace("/", "--") / Path(entry.file).name


def in_hub_cache(entry: PublishedWeights) -> Path | None:
    """Return the file where the hub's own library has downloaded it before."""
    if not entry.on_hub:
        return None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(entry.repository, entry.file, revision=entry.revision)
    return Path(found) if isinstance(found, str) else None


def find_weights(entry: PublishedWeights, folder: Path | None = None) -> Path | None:
    """Return the file of an entry, None where it is not on this machine."""
    place = weight_path(entry, folder)
    return place if place.is_file() else in_hub_cache(entry)


def read_file_record(entry: PublishedWeights, folder: Path | None = None) -> FileRecord | None:
    """Return what is recorded of the file of an entry.

    Raises:
        CheckpointError: The record is damaged.
    """
    path = _record_path(entry, folder)
    if not path.is_file():
        return None
    try:
        return FileRecord(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path} is no record of a weight file ({error}): delete it, the file beside it is "
            "hashed anew"
        ) from error


def write_file_record(
    entry: PublishedWeights,
    file: Path,
    sha256: str,
    revision: str | None,
    compared_with: str,
    folder: Path | None = None,
) -> FileRecord:
    """Record the digest of a file that is whole."""
    about = file.stat()
    record = FileRecord(
        sha256, about.st_size, about.st_mtime_ns, entry.repository, revision, compared_with
    )
    with replace_file(_record_path(entry, folder)) as part:
        part.write_text(json.dumps(asdict(record), indent=2) + "\n")
    return record


def check_file(
    entry: PublishedWeights, file: Path, folder: Path | None = None, again: bool = False
) -> FileRecord:
    """Compare a file with the published digest, else with the one of its first use.

    Args:
        entry: What the file should be.
        file: Where it lies.
        folder: Of the records; `weights_folder()` if None.
        again: Hash a file that did not change since it was hashed, too.

    Returns:
        Its record. The first use of a file without published digest records the digest and logs a
        warning with it.

    Raises:
        CheckpointError: The digest is another one.
    """
    record, about = read_file_record(entry, folder), file.stat()
    unchanged = record and (record.size, record.modified_ns) == (about.st_size, about.st_mtime_ns)
    if record and unchanged and not again and entry.sha256 in (None, record.sha256):
        return record
    found = digest_of_file(file)
    expected = entry.sha256 or (record.sha256 if record else None)
    if expected and found != expected:
        source = "published" if entry.sha256 else "recorded when the file was first used"
        raise CheckpointError(
            f"{file} has the SHA-256 {found[:12]}…, expected {expected[:12]}… ({source}): it is "
            f"damaged or of another version. Delete it and fetch it again"
            + (
                ""
                if entry.sha256
                else f"; if you replaced it, delete {_record_path(entry, folder)}"
            )
        )
    if record is None and entry.sha256 is None:
        logger.warning(
            "no digest is published for %s: the SHA-256 of %s is %s; it is recorded, and another "
            "file is refused from now on",
            entry.name,
            file,
            found,
        )
    compared = "published" if entry.sha256 else record.compared_with if record else "first use"
    revision = record.revision if record else None
    return write_file_record(entry, file, found, revision, compared, folder)


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _record_path(entry: PublishedWeights, folder: Path | None) -> Path:
    place = weight_path(entry, folder)
    return place.with_name(place.name + RECORD_ENDING)
