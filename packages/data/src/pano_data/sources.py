"""Where the samples of a data module come from, as plain values of a configuration."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import interpolate
from torch.utils.data import Dataset

from pano_data.errors import DataError
from pano_data.masks.storage import MaskFolder
from pano_data.reader import ManifestDataset
from pano_data.sample import ErpSample, MapDataset
from pano_data.shards.samples import ShardDataset


@dataclass(frozen=True)
class Source:
    """One data set: a manifest with its root, shards, or an object that is a data set already.

    Args:
        manifest: Parquet file of rows.
        root: Folder that the paths in the manifest are relative to.
        shards: Folder of shards instead of `manifest` and `root`.
        dataset: a map-style data set of samples instead of `manifest` and `root`.
        weight: Draws per image and epoch, for training sets (DA² uses 1, 1/4 and 1/8).
        masks: Folder of PNG masks (`<key>.png`, 255 = valid) that cut `valid`.

    Raises:
        ValueError: Not exactly one of the forms is given.
    """

    manifest: str | None = None
    root: str | None = None
    shards: str | None = None
    # Not Dataset[Any]: of a parametrised class the parser of the configuration takes no options.
    dataset: Dataset | None = None  # type: ignore[type-arg]
    weight: float = 1.0
    masks: str | None = None

    def __post_init__(self) -> None:
        if (self.manifest is None) != (self.root is None):
            raise ValueError(
                f"a source needs manifest and root, got manifest={self.manifest!r}, "
                f"root={self.root!r}"
            )
        forms = ("manifest", "shards", "dataset")
        given = [name for name in forms if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                "a source is one of: manifest with root, shards, dataset; "
                f"got {' and '.join(given) or 'nothing'}"
            )

    def open(
        self,
        size: tuple[int, int] | None,
        labelled: bool = True,
        quarantine: str | None = None,
    ) -> MapDataset:
        """Open the data set.

        Args:
            size: Height and width of the maps; as stored if None.
            labelled: False hides the distance: `valid` is then True wherever no mask says
                otherwise (of the manifest or of `masks`), and ground truth cannot leak into an
                unlabelled set.
            quarantine: File that damaged rows of a manifest are noted in; None lets them raise.

        Raises:
            DataError: The manifest holds perspective pictures, which are no panoramas yet.
        """
        opened = self._open_plain(size, labelled, quarantine)
        if not labelled:
            opened = Unlabelled(opened)
        return opened if self.masks is None else Masked(opened, self.masks)

    def _open_plain(
        self, size: tuple[int, int] | None, labelled: bool, quarantine: str | None
    ) -> MapDataset:
        if self.shards is not None:
            return ShardDataset(self.shards, size)
        if self.manifest is not None and self.root is not None:
            opened = ManifestDataset(self.manifest, self.root, size, quarantine, labelled)
            flat = opened.manifest.filter(projection="pinhole")
            if len(flat):
                raise DataError(
                    f"{self.manifest} holds {len(flat)} perspective pictures, for example "
                    f"{flat[0].key!r}; make panoramas of them first (pano_data.curation)"
                )
            return opened
        dataset: Any = self.dataset
        return dataset  # type: ignore[no-any-return]


class Unlabelled:
    """A data set with its distance hidden; `valid` is True wherever the picture shows the scene.

    Lets a data set with ground truth stand in as an unlabelled one without leaking it.

    Args:
        dataset: Map-style data set of samples.
    """

    def __init__(self, dataset: MapDataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.dataset)

    def __getitem__(self, index: int) -> ErpSample:
        """Return one row without its distance."""
        sample = self.dataset[index].copy()
        sample["distance"] = torch.zeros_like(sample["distance"])
        kept = sample.pop("keep", None)  # the mask of rows without label
        sample["valid"] = torch.ones_like(sample["valid"]) if kept is None else kept
        sample["far"] = torch.zeros_like(sample["far"])
        return sample


class Masked:
    """A data set with `valid` cut by the PNG masks of a folder.

    Args:
        dataset: Map-style data set of samples.
        path: Folder of masks; every row must have one.
    """

    def __init__(self, dataset: MapDataset, path: Path | str) -> None:
        self.dataset = dataset
        self.masks = MaskFolder(path)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.dataset)

    def __getitem__(self, index: int) -> ErpSample:
        """Return one row; masks of another size are resized to the nearest pixel."""
        sample = self.dataset[index].copy()
        keep = torch.from_numpy(self.masks.read(sample["key"]))[None, None].float()
        keep = interpolate(keep, sample["valid"].shape[-2:], mode="nearest-exact")[0] > 0.5
        sample["valid"] = sample["valid"] & keep
        sample["distance"] = torch.where(sample["valid"], sample["distance"], 0.0)
        return sample
