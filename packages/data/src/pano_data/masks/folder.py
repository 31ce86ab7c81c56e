"""Masks as PNG files: 255 where a pixel is usable, 0 where it is not."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pano_data.errors import DatasetNotFoundError
from pano_data.io.encode import write_png
from pano_data.io.images import read_mask
from pano_data.io.paths import inside


class MaskFolder:
    """One PNG per key; keys may contain `/` and become subfolders.

    PNG, not JPEG: lossy masks hold 250 to 254, which a test for 255 takes as invalid.

    Args:
        path: folder of the masks.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def file(self, key: str) -> Path:
        """Return where the mask of a key lies.

        Raises:
            DataError: the key would leave the folder.
        """
        inside(self.path, key)
        return self.path / f"{key}.png"

    def __contains__(self, key: str) -> bool:
        return self.file(key).is_file()

    def write(self, key: str, valid: NDArray[np.bool_]) -> None:
        """Store a mask `(h, w)`, True = usable."""
        write_png(self.file(key), np.where(valid, 255, 0).astype(np.uint8))

    def read(self, key: str) -> NDArray[np.bool_]:
        """Return the mask of a key, `(h, w)`.

        Raises:
            DatasetNotFoundError: no mask was written for it.
            CorruptSampleError: the file is damaged.
        """
        path = self.file(key)
        if not path.is_file():
            raise DatasetNotFoundError(
                f"mask of {key!r}", path, "masks", "pano_data.masks.write_masks"
            )
        return read_mask(path)
