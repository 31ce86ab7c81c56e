"""The compiled kernel against eager torch. Skipped where there is no C compiler."""

import math
import shutil

import pytest
import torch

import pano_geometry as pg
from pano_geometry.resampling import native
from tests.geometry.fields import erp_rays, harmonics, image_of_rays, pixel_error, turned

pytestmark = pytest.mark.skipif(
    not any(shutil.which(name) for name in native.build.COMPILERS), reason="no C compiler"
)
VIEW = pg.Perspective.from_fov(60, 300, math.radians(100))
SOURCES = [pg.Equirectangular(64, 128), pg.Cubemap(32), pg.Perspective.from_fov(48, 64, 1.5)]
TARGETS = [
    pg.Equirectangular(70, 130),
    pg.Cubemap(33),
    VIEW,
    pg.Cassini(40, 21),
    pg.Cylindrical(20, 300),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where this module's kernels are compiled, each once."""
    return tmp_path_factory.mktemp("kernel")


@pytest.fixture(autouse=True)
def compiled(folder, monkeypatch):
    monkeypatch.setattr(native.kernel, "find", lambda variant: None)
    monkeypatch.setattr(native.kernel, "build", lambda variant: native.build.build(variant, folder))
    native.enable()
    yield
    native.disable()


def both(call):
    native.enable()
    fast = call()
    native.disable()
    return fast, call()


@pytest.mark.parametrize("source", SOURCES, ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("target", TARGETS, ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_same_numbers_as_eager(source, target, channels, generator) -> None:
    field = harmonics(image_of_rays(source))
    image = field[:, [0, 1, 2, 1, 0][:channels]].repeat(2, 1, 1, 1)
    for rotation in (None, pg.random_rotation(2, generator)):
        fast, eager = both(lambda r=rotation: pg.resample(image, source, target, r))
        seen = (fast != 0) == (eager != 0)
        assert (~seen).float().mean() < 1e-4  # ties on the border of a view
        assert (fast - eager)[seen].abs().max() < 1e-5


def test_kernel_is_really_used(monkeypatch) -> None:
    calls = []
    original = native.kernel.resample
    monkeypatch.setattr(native.kernel, "resample", lambda *a: calls.append(1) or original(*a))
    erp = torch.rand(1, 3, 16, 32)
    pg.erp_to_cube(erp, 8)
    pg.rotate(erp, pg.from_ypr(0.3, 0.2))
    pg.cube_to_erp(torch.rand(1, 6, 3, 8, 8), 16, 32)
    pg.perspective_to_erp(torch.rand(1, 3, 60, 300), VIEW, pg.from_ypr(0.3), 16, 32)
    assert len(calls) == 4


def test_directions_are_exact_across_seam_and_poles(generator) -> None:
    rays = erp_rays(256, 512)
    for rotation in pg.random_rotation(3, generator):
        error = pixel_error(pg.rotate(rays, rotation), turned(rotation, rays), 512)
        assert error.mean() < 1e-3
        assert error.max() < 5e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
@pytest.mark.parametrize(
    ("channels", "height", "width"), [(1, 90, 270), (3, 90, 270), (4, 60, 100)]
)
def test_views_pack_the_blocks_that_they_read(channels, height, width, dtype, generator) -> None:
    image = torch.rand(2, channels, 150, 302, generator=generator)
    image = (255 * image).to(dtype) if dtype == torch.uint8 else image
    seam_and_poles = [pg.from_ypr(yaw, pitch) for yaw in (0.0, math.pi) for pitch in (0, 1.5, -1.5)]
    anywhere = pg.random_rotation(4, generator)
    for fov in (8.0, 60.0, 130.0):
        view = pg.Perspective.from_fov(height, width, math.radians(fov))
        for turn in [*seam_and_poles, *anywhere]:
            fast, eager = both(lambda v=view, r=turn: pg.erp_to_perspective(image, v, r))
            if dtype == torch.uint8:
                assert (fast.int() - eager.int()).abs().max() <= 1
            else:  # white noise: both are as far from the truth as float32 coordinates are coarse
                assert (fast - eager).abs().max() < 1e-3


@pytest.mark.parametrize("fov", [5.0, 60.0, 120.0, 170.0])
def test_rows_without_a_view_are_passed_over_and_no_others(fov, generator) -> None:
    camera = pg.Perspective.from_fov(40, 60, math.radians(fov), math.radians(fov / 2))
    image = torch.rand(1, 3, *camera.size, generator=generator) + 1
    for target in (pg.Equirectangular(300, 600), pg.Cylindrical(150, 520), VIEW):
        for turn in pg.random_rotation(8, generator):
            fast, eager = both(lambda t=target, r=turn: pg.resample(image, camera, t, r))
            assert ((fast != 0) != (eager != 0)).float().mean() < 1e-4


def test_uint8_is_rounded_like_eager(generator) -> None:
    image = torch.randint(0, 256, (2, 3, 32, 64), generator=generator, dtype=torch.uint8)
    rotation = pg.random_rotation(2, generator)
    fast, eager = both(lambda: pg.rotate(image, rotation))
    assert fast.dtype == torch.uint8
    difference = (fast.int() - eager.int()).abs()
    assert difference.max() <= 1
    assert (difference > 0).float().mean() < 1e-3
    constant = torch.full((1, 3, 32, 64), 100, dtype=torch.uint8)
    assert (pg.rotate(constant, rotation[:1]) == 100).all()


def test_coverage_and_zeros_outside(generator) -> None:
    image = torch.rand(1, 2, *VIEW.size, generator=generator) + 1
    rotation = pg.random_rotation(1, generator)
    (erp, seen), (slow, also_seen) = both(
        lambda: pg.perspective_to_erp(image, VIEW, rotation, 64, 128)
    )
    assert (seen != also_seen).float().mean() < 1e-4
    assert (erp.amax(1, True)[~seen] == 0).all()
    assert (erp.amin(1, True)[seen] >= 1).all()
    assert slow.shape == erp.shape


def test_several_threads_give_the_same_bits(generator) -> None:
    image = torch.rand(2, 3, 130, 260, generator=generator)
    rotation = pg.random_rotation(2, generator)
    wide = pg.Perspective.from_fov(300, 600, math.radians(110))
    ways = lambda: (pg.rotate(image, rotation), pg.erp_to_perspective(image, wide, rotation))  # noqa: E731
    one = ways()
    torch.set_num_threads(2)
    for many, alone in zip(ways(), one, strict=True):
        assert torch.equal(many, alone)


def test_nan_stays_in_its_footprint(generator) -> None:
    image = torch.rand(1, 1, 32, 64, generator=generator)
    image[0, 0, 7, 9] = float("nan")
    got = pg.rotate(image, pg.from_ypr(0.4, 0.3))
    assert 0 < torch.isnan(got).sum() < 20


def test_gradients_and_other_dtypes_take_the_eager_path(generator) -> None:
    rotation = pg.random_rotation(1, generator)
    image = torch.rand(1, 1, 8, 16, generator=generator).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: pg.rotate(x, rotation), (image,))
    single = torch.rand(1, 1, 8, 16, requires_grad=True)
    pg.rotate(single, rotation).sum().backward()
    assert float(single.grad.sum()) == pytest.approx(128.0, rel=1e-4)
    assert pg.rotate(single.detach().half(), rotation).dtype == torch.float16


@pytest.mark.parametrize("target", TARGETS, ids=lambda c: type(c).__name__)
def test_default_device_does_not_matter(target, generator) -> None:
    """The kernel reads addresses: its tables must lie on the CPU wherever new tensors lie."""
    image = torch.rand(1, 3, 64, 128, generator=generator)
    rotation = pg.random_rotation(2, generator)
    calls = [(image, SOURCES[0], target, turn) for turn in (None, rotation)]
    expected = [pg.resample(*call) for call in calls]
    torch.set_default_device("meta")
    try:
        got = [pg.resample(*call) for call in calls]
    finally:
        torch.set_default_device(None)
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))


@pytest.mark.parametrize("variant", native.build.variants())
def test_every_variant_of_a_wheel_can_be_compiled_and_loaded(variant, folder) -> None:
    """Also those for better processors than this one."""
    library = native.build.load(native.build.build(variant, folder))
    assert library.pano_resample_f32.argtypes


def runnable() -> tuple[str, ...]:
    """The variants that this processor can run."""
    order = ("baseline", "avx2", "avx512")
    best = native.build.variant_of(torch.backends.cpu.get_cpu_capability())
    return order[: order.index(best) + 1]


@pytest.mark.parametrize("variant", runnable())
def test_variants_of_a_wheel_agree(variant, folder, monkeypatch, generator) -> None:
    image = torch.rand(1, 3, 64, 128, generator=generator)
    rotation = pg.random_rotation(1, generator)
    native.disable()
    eager = pg.rotate(image, rotation)
    library = native.build.load(native.build.build(variant, folder))
    monkeypatch.setattr(native.kernel, "_library", library)
    assert (pg.rotate(image, rotation) - eager).abs().max() < 1e-5


def test_kernel_that_is_there_is_used(folder, monkeypatch) -> None:
    library = native.build.build("baseline", folder)
    monkeypatch.setattr(native.kernel, "find", lambda variant: library)
    monkeypatch.delenv(native.kernel.SWITCH, raising=False)
    monkeypatch.setattr(native.kernel, "_library", "not looked for")
    assert native.enabled()
    monkeypatch.setenv(native.kernel.SWITCH, "0")
    monkeypatch.setattr(native.kernel, "_library", "not looked for")
    assert not native.enabled()
    native.enable()
    assert native.enabled()


def test_damaged_library_is_left_alone(tmp_path, monkeypatch) -> None:
    library = tmp_path / "resample.so"
    library.write_bytes(b"not a library")
    monkeypatch.setattr(native.kernel, "find", lambda variant: library)
    monkeypatch.delenv(native.kernel.SWITCH, raising=False)
    monkeypatch.setattr(native.kernel, "_library", "not looked for")
    with pytest.warns(UserWarning, match="without it"):
        assert not native.enabled()


def test_built_library_is_found_again(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert native.build.find("baseline") in (None, native.build.packaged("baseline"))
    library = native.build.build("baseline")
    assert native.build.find("baseline") in (library, native.build.packaged("baseline"))


def test_build_reports_what_the_compiler_says(tmp_path, monkeypatch) -> None:
    broken = tmp_path / "broken.c"
    broken.write_text("this is not C")
    monkeypatch.setattr(native.build, "SOURCE", broken)
    with pytest.raises(native.BuildError, match="exit code"):
        native.build.build("baseline", tmp_path)
    monkeypatch.setattr(native.build, "COMPILERS", ("no-such-compiler",))
    with pytest.raises(native.BuildError, match="no C compiler"):
        native.build.build("baseline", tmp_path)


def test_build_says_where_it_could_not_write(tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(native.BuildError, match="XDG_CACHE_HOME"):
        native.build.build("baseline", tmp_path / "file" / "cache")
