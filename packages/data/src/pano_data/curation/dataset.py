"""Perspective samples as panoramas, computed row by row; `pano_data.shards.pack` stores them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from pano_data.curation.outpaint import Outpainter, PictureSource
from pano_data.curation.project import P2E, Projected
from pano_data.errors import CorruptSampleError
from pano_data.reader import ManifestDataset
from pano_data.sample import ErpSample

MIN_VALID = 0.005  # of the panorama; less is no label to learn from


class CuratedDataset(Dataset[ErpSample]):
    """Panoramas made of perspective samples: P2E of image and distance, out-painting of the image.

    A row is a pure function of data, seed and row number: any process may compute it, in any order.

    Args:
        perspective: Reader of perspective rows, at the size the pictures are to be read.
        p2e: Projects a picture onto the panorama, at a random place.
        outpainter: Fills the rest of the image; None leaves it black (the ablation of DA²).
        seed: Seed of the places and of the out-painter.
        complete: Leave out pictures that lack the label of a single pixel (far is a label).

    Raises:
        CorruptSampleError: From rows whose distance covers less than 0.5 % of the panorama, and
            with `complete` from those whose picture has a pixel without label.

    Source: DA², section 3.1 and Table 3 (without out-painting).
    """

    def __init__(
        self,
        perspective: ManifestDataset,
        p2e: P2E,
        outpainter: Outpainter | None = None,
        seed: int = 0,
        complete: bool = False,
    ) -> None:
        self.perspective, self.p2e = perspective, p2e
        self.outpainter, self.seed, self.complete = outpainter, seed, complete

    def __len__(self) -> int:
        return len(self.perspective)

    def __getitem__(self, index: int) -> ErpSample:
        (row,) = self.rows([index])
        if isinstance(row, CorruptSampleError):
            raise row
        return row

    def rows(self, indices: Sequence[int]) -> Iterator[ErpSample | CorruptSampleError]:
        """Compute rows in their order, as many at a time as the out-painter likes best.

        A row that cannot be computed comes as its error.
        """
        step = 1 if self.outpainter is None else self.outpainter.batch_size
        for first in range(0, len(indices), step):
            yield from self._paint_rows(
                [self._project_row(i) for i in indices[first : first + step]]
            )

    def _project_row(self, index: int) -> "_Part | CorruptSampleError":
        try:
            sample = self.perspective[index]
        except CorruptSampleError as error:
            return error
        unknown = int((~(sample["valid"] | sample["far"])).sum())
        if self.complete and unknown:
            detail = f"{unknown} pixels of the picture have no label"
            return CorruptSampleError(sample["key"], "incomplete", detail)
        generator = self._make_generator(index)
        placement = self.p2e.place(generator)
        part = self.p2e.project(sample, placement)
        share = float(part.valid.float().mean())
        if share < MIN_VALID:
            detail = f"{100 * share:.2f} % of the panorama is valid"
            return CorruptSampleError(sample["key"], "hardly a label", detail)
        seed = int(torch.randint(2**31, (), generator=generator))
        row = self.perspective.manifest[index]
        source = PictureSource(self.perspective.root, row.image, placement)
        return _Part(sample, part, row.environment, seed, source)

    def _paint_rows(
        self, rows: "list[_Part | CorruptSampleError]"
    ) -> Iterator[ErpSample | CorruptSampleError]:
        parts = [row for row in rows if isinstance(row, _Part)]
        images = [row.part.image for row in parts]
        if self.outpainter is not None and parts:
            known = torch.stack([row.part.coverage for row in parts])
            environments, seeds = [row.environment for row in parts], [row.seed for row in parts]
            sources = [row.source for row in parts]
            images = list(
                self.outpainter.paint_sources(
                    torch.stack(images), known, environments, seeds, sources
                )
            )
        done = iter(images)
        for row in rows:
            yield row.with_image(next(done)) if isinstance(row, _Part) else row

    def _make_generator(self, index: int) -> torch.Generator:
        entropy = np.random.SeedSequence([self.seed, index]).generate_state(1, np.uint64)[0]
        return torch.Generator().manual_seed(int(entropy >> np.uint64(1)))


class _Part(NamedTuple):
    """A projected picture on its way to the out-painter."""

    sample: ErpSample
    part: Projected
    environment: str
    seed: int
    source: PictureSource

    def with_image(self, image: Tensor) -> ErpSample:
        return ErpSample(
            image=image,
            distance=self.part.distance,
            valid=self.part.valid,
            far=self.part.far,
            metric=self.sample["metric"],
            key=self.sample["key"],
            dataset=self.sample["dataset"],
        )
