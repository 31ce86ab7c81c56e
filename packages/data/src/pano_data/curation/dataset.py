"""Perspective samples as panoramas, computed row by row; `pano_data.shards.pack` stores them."""

from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from pano_data.curation.outpaint import Outpainter
from pano_data.curation.project import P2E
from pano_data.errors import CorruptSampleError
from pano_data.reader import ManifestDataset
from pano_data.sample import ErpSample

MIN_VALID = 0.005  # of the panorama; less is no label to learn from


class CuratedDataset(Dataset[ErpSample]):
    """Panoramas made of perspective samples: P2E of image and distance, out-painting of the image.

    A row is a pure function of data, seed and row number: any process may compute it, in any order.

    Args:
        perspective: reader of perspective rows, at the size the pictures are to be read.
        p2e: how and where they are projected.
        outpainter: fills the rest of the image; None leaves it black (the ablation of DA²).
        seed: of the places and the out-painter.

    Raises:
        CorruptSampleError: from rows whose distance covers less than 0.5 % of the panorama.

    Source: DA², section 3.1 and Table 3 (without out-painting).
    """

    def __init__(
        self,
        perspective: ManifestDataset,
        p2e: P2E,
        outpainter: Outpainter | None = None,
        seed: int = 0,
    ) -> None:
        self.perspective, self.p2e = perspective, p2e
        self.outpainter, self.seed = outpainter, seed

    def __len__(self) -> int:
        return len(self.perspective)

    def __getitem__(self, index: int) -> ErpSample:
        sample = self.perspective[index]
        generator = self._generator(index)
        part = self.p2e.project(sample, self.p2e.place(generator))
        if part.valid.float().mean() < MIN_VALID:
            raise CorruptSampleError(
                sample["key"],
                "hardly a label",
                f"{100 * float(part.valid.float().mean()):.2f} % of the panorama is valid",
            )
        image: Any = part.image
        if self.outpainter is not None:
            environment = self.perspective.manifest[index].environment
            seed = int(torch.randint(2**31, (), generator=generator))
            image = self.outpainter(part.image, part.coverage, environment, seed)
        return ErpSample(
            image=image,
            distance=part.distance,
            valid=part.valid,
            far=part.far,
            metric=sample["metric"],
            key=sample["key"],
            dataset=sample["dataset"],
        )

    def _generator(self, index: int) -> torch.Generator:
        entropy = np.random.SeedSequence([self.seed, index]).generate_state(1, np.uint64)[0]
        return torch.Generator().manual_seed(int(entropy >> np.uint64(1)))
