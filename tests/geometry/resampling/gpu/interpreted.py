"""The Triton kernels run by Triton's interpreter on the CPU, against eager torch.

A program of its own: the interpreter is chosen when triton is imported.
"""

import itertools
import os

os.environ["TRITON_INTERPRET"] = "1"

import torch

import pano_geometry as pg
from pano_geometry.resampling.gpu import resample as gpu
from pano_geometry.resampling.sampling import pad_strip

SOURCES = [pg.Equirectangular(12, 24), pg.Cubemap(6), pg.Perspective.from_fov(12, 16, 1.5)]
TARGETS = [pg.Equirectangular(9, 70), pg.Cubemap(5), pg.Cassini(12, 7)]


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    for source, target in itertools.product(SOURCES, TARGETS):
        image = torch.rand(2, 3, *source.size, generator=generator).requires_grad_()
        rotation = pg.random_rotation(2, generator)
        assert gpu.supports(image, source, target)
        given = pad_strip(image, 1) if isinstance(source, pg.Cubemap) else image
        values, seen = gpu.resample(given, source, target, rotation)
        expected = pg.resample(image, source, target, rotation)
        upstream = torch.rand(expected.shape, generator=generator)
        (grad,) = torch.autograd.grad(values, image, upstream)
        (expected_grad,) = torch.autograd.grad(expected, image, upstream)
        names = type(source).__name__, type(target).__name__
        assert (values - expected).abs().max() < 2e-5, names
        assert (grad - expected_grad).abs().max() < 1e-3, names
        assert grad.abs().max() > 0.1, names
        if seen is not None:
            assert torch.equal(seen, pg.coverage(source, target, rotation)[:, 0]), names
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(gpu.resample(given, source, target, rotation)[0], values), names


if __name__ == "__main__":
    main()
