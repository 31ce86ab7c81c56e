import os
import threading

import pytest
import torch

import pano_geometry as pg
from pano_geometry.resampling.cache import GridCache
from pano_geometry.resampling.grids import build_grid


@pytest.fixture
def cache():
    pg.grid_cache.clear()
    yield pg.grid_cache
    pg.grid_cache.clear()
    pg.grid_cache.limit = 256 << 20


def grid(width: int = 16):
    camera = pg.Equirectangular(width // 2, width)
    return build_grid(camera, pg.Cubemap(4), None, torch.float32)


def test_fixed_geometry_is_kept_and_fresh_rotations_are_not(cache, generator) -> None:
    erp = torch.rand(1, 1, 16, 32, generator=generator)
    pg.erp_to_cube(erp, 8)
    held = cache.nbytes
    assert held >= 6 * 8 * 8 * 8
    for rotation in pg.random_rotation(5, generator):
        pg.rotate(erp, rotation)
    assert cache.nbytes == held
    rotation = pg.random_rotation(1, generator)
    results = [pg.rotate(erp, rotation) for _ in range(3)]
    assert cache.nbytes > held
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[1], results[2])


def test_memory_stays_below_the_limit(cache, generator) -> None:
    cache.limit = 40_000
    erp = torch.rand(1, 1, 16, 32, generator=generator)
    for face in range(4, 30):
        pg.erp_to_cube(erp, face)
        assert cache.nbytes <= 40_000
    cache.limit = 0
    assert cache.nbytes == 0
    pg.erp_to_cube(erp, 8)
    assert cache.nbytes == 0


def test_dtype_and_geometry_make_the_key(cache, generator) -> None:
    erp = torch.rand(1, 1, 16, 32, generator=generator)
    single = pg.erp_to_cube(erp, 8)
    double = pg.erp_to_cube(erp.double(), 8)
    assert double.dtype == torch.float64
    assert 0 < (double - single).abs().max() < 1e-4


def test_least_recently_used_goes_first() -> None:
    one = grid().nbytes()
    cache = GridCache(limit=int(2.5 * one))
    for key in ("a", "b", "a", "c"):
        cache.get(key, grid)
    built = []

    def build():
        built.append(1)
        return grid()

    cache.get("a", build)
    assert not built
    cache.get("b", build)
    assert built


def test_threads_share_the_cache(cache, generator) -> None:
    erp = torch.rand(1, 1, 16, 32, generator=generator)
    expected = {face: pg.erp_to_cube(erp, face) for face in range(4, 12)}
    cache.clear()
    cache.limit = 30_000
    wrong = []

    def work() -> None:
        for _ in range(5):
            for face, faces in expected.items():
                if not torch.equal(pg.erp_to_cube(erp, face), faces):
                    wrong.append(face)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork_while_the_lock_is_held(cache, generator) -> None:
    erp = torch.rand(1, 1, 16, 32, generator=generator)
    with cache._lock:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = 0 if torch.isfinite(pg.erp_to_cube(erp, 8)).all() else 2
            finally:
                os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_limit_refuses_negative_numbers(cache) -> None:
    with pytest.raises(ValueError, match="limit"):
        cache.limit = -1


@pytest.mark.parametrize("use", ["grid", "ring"])
def test_tables_made_under_inference_mode_serve_training(cache, use) -> None:
    faces = torch.rand(1, 6, 3, 9, 9)

    def run(x: torch.Tensor) -> torch.Tensor:
        return pg.cube_to_erp(x, 18, 36) if use == "grid" else pg.pad_cube(x, 2)

    with torch.inference_mode():
        run(faces)
    grown = faces.clone().requires_grad_()
    run(grown).sum().backward()
    assert grown.grad is not None
    assert torch.isfinite(grown.grad).all()
