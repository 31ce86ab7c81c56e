"""Perspective pictures of one's own as parts of panoramas."""

from torch.utils.data import Dataset

from pano_data import P2E, CuratedDataset, ManifestDataset
from pano_data.curation import ReflectionOutpainter
from pano_data.errors import CorruptSampleError
from pano_data.quarantine import Quarantine
from pano_data.sample import ErpSample

MAX_NEIGHBOURS = 16
"""Rows after a damaged one that may stand in for it."""


class LiftedPairs(Dataset[ErpSample]):
    """Perspective pairs, each lifted to a panorama as in DA²'s curation.

    Args:
        manifest: Rows of perspective pictures.
        root: Folder that their paths are relative to.
        height: Rows of the panoramas, which are twice as wide.
        quarantine: File that damaged pairs are noted in; the next usable one stands in for them.
            Without it they raise.
    """

    def __init__(
        self, manifest: str, root: str, height: int, quarantine: str | None = None
    ) -> None:
        pictures = ManifestDataset(manifest, root)
        self.panoramas = CuratedDataset(pictures, P2E((height, 2 * height)), ReflectionOutpainter())
        self.rows = pictures.manifest
        self.quarantine = None if quarantine is None else Quarantine(quarantine)

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.rows)

    def __getitem__(self, index: int) -> ErpSample:
        """Return a panorama: `image`, `distance`, `valid`, ... as of every reader."""
        last: CorruptSampleError | None = None
        for step in range(min(MAX_NEIGHBOURS, len(self)) if self.quarantine else 1):
            at = index if not step else (index + step) % len(self)
            try:
                return self.panoramas[at]
            except CorruptSampleError as error:
                if self.quarantine is None:
                    raise
                self.quarantine.add(self.rows[at], error)
                last = error
        assert last is not None
        raise last
