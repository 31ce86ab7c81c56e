"""Names from manifests, records and lists: below the folder that they are joined to, or refused."""

import re
from pathlib import Path

from pano_data.errors import DataError

OUTSIDE = re.compile(r"^$|\x00|^[/\\]|^[A-Za-z]:[/\\]|(?:^|[/\\])\.\.(?:$|[/\\])")
"""What leaves a folder on any system: nothing, NUL, an absolute path, a drive, a step up."""


def is_inside(name: str) -> bool:
    """Tell whether a relative name stays below the folder it is joined to."""
    return OUTSIDE.search(name) is None


def inside(folder: Path | str, name: str) -> Path:
    """Join a name of unknown origin to a folder.

    Raises:
        DataError: The name would leave the folder.
    """
    if not is_inside(name):
        raise DataError(f"got the name {name!r}, expected one that stays below {folder}")
    return Path(folder) / name
