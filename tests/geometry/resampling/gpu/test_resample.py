"""Triton kernels: interpreted on the CPU, and on a CUDA device."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

import pano_geometry as pg
from pano_geometry.resampling.gpu import resample as gpu
from tests.geometry.fields import erp_rays, pixel_error, turned


@pytest.mark.skipif(
    find_spec("triton") is None or find_spec("numpy") is None,
    reason="Triton's interpreter needs triton and numpy",
)
@pytest.mark.parametrize("program", ["interpreted", "compiled"])
def test_kernels_without_a_device(program, tmp_path) -> None:
    root = Path(__file__).parents[4]
    interpret = {"TRITON_INTERPRET": "1"} if program == "interpreted" else {}
    cache = {"TRITON_CACHE_DIR": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, str(Path(__file__).with_name(f"{program}.py"))],
        capture_output=True, text=True, check=False, cwd=root,
        env={
            **os.environ, **interpret, **cache, "CUDA_VISIBLE_DEVICES": "",
            "PYTHONPATH": os.pathsep.join([str(root), *sys.path]),
        },
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]


def test_cpu_images_do_not_take_the_kernel() -> None:
    erp = pg.Equirectangular(8, 16)
    assert not gpu.takes(torch.rand(1, 1, 8, 16), erp, pg.Cubemap(4))
    assert gpu.supports(torch.rand(1, 1, 8, 16), erp, pg.Cubemap(4))
    assert not gpu.supports(torch.rand(1, 1, 8, 17), pg.Equirectangular(8, 17), pg.Cubemap(4))
    assert not gpu.supports(torch.rand(1, 1, 8, 16), erp, pg.Fisheye.from_fov(8, 8, 3.0))


CALLS = {
    "rotate": lambda x, r: pg.rotate(x, r),
    "e2c": lambda x, r: pg.erp_to_cube(x, 40, r),
    "e2p": lambda x, r: pg.erp_to_perspective(x, pg.Perspective.from_fov(48, 64, 1.4), r),
    "p2e": lambda x, r: pg.perspective_to_erp(x, pg.Perspective.from_fov(64, 128, 1.4), r, 48, 96)[
        0
    ],
    "bicubic": lambda x, r: pg.rotate(x, r, "bicubic"),
    "fisheye": lambda x, r: pg.resample(
        x, pg.Equirectangular(64, 128), pg.Fisheye.from_fov(40, 40, 3.0), r
    ),
}


@pytest.mark.gpu
@pytest.mark.parametrize("name", CALLS)
def test_cuda_gives_the_numbers_of_the_cpu(name, generator) -> None:
    x = torch.rand(2, 3, 64, 128, generator=generator)
    rotation = pg.random_rotation(2, generator)
    slow = x.clone().requires_grad_()
    fast = x.cuda().requires_grad_()
    expected, got = CALLS[name](slow, rotation), CALLS[name](fast, rotation.cuda())
    assert (got.cpu() - expected).abs().max() < 1e-4  # white noise: 1e-4 of a pixel
    upstream = torch.rand(expected.shape, generator=generator)
    expected.backward(upstream)
    got.backward(upstream.cuda())
    assert (fast.grad.cpu() - slow.grad).abs().max() < 2e-3


@pytest.mark.gpu
def test_cuda_cube_to_erp(generator) -> None:
    faces = torch.rand(2, 6, 3, 32, 32, generator=generator)
    got = pg.cube_to_erp(faces.cuda(), 64, 128).cpu()
    assert (got - pg.cube_to_erp(faces, 64, 128)).abs().max() < 1e-4


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_cuda_half_precision_keeps_coordinates(dtype, generator) -> None:
    x = torch.rand(1, 3, 64, 128, generator=generator).to(dtype)
    rotation = pg.random_rotation(1, generator)
    got = pg.rotate(x.cuda(), rotation).cpu()
    expected = pg.rotate(x.float(), rotation)
    assert got.dtype == dtype
    assert (got.float() - expected).abs().max() < 4 * torch.finfo(dtype).eps


@pytest.mark.gpu
def test_cuda_directions_across_seam_and_poles(generator) -> None:
    rays = erp_rays(256, 512)
    rotation = pg.random_rotation(1, generator)
    error = pixel_error(pg.rotate(rays.cuda(), rotation).cpu(), turned(rotation, rays), 512)
    assert error.mean() < 1e-3
    assert error.max() < 5e-3


@pytest.mark.gpu
def test_cuda_rotation_gradients(generator) -> None:
    x = torch.rand(1, 1, 16, 32, generator=generator).double().cuda()
    vector = torch.tensor([0.3, -0.2, 2.9], dtype=torch.float64, device="cuda", requires_grad=True)
    view = pg.Perspective.from_fov(3, 4, 1.0)
    assert torch.autograd.gradcheck(
        lambda v: pg.erp_to_perspective(x, view, pg.from_axis_angle(v)), (vector,)
    )


@pytest.mark.gpu
def test_cuda_compiles(generator) -> None:
    x = torch.rand(1, 3, 32, 64, generator=generator).cuda()
    rotation = pg.random_rotation(1, generator).cuda()
    compiled = torch.compile(lambda x, r: pg.rotate(x, r), fullgraph=True)
    assert (compiled(x, rotation) - pg.rotate(x, rotation)).abs().max() < 1e-4
