"""Functions of this package under the transforms of torch."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import pano_geometry as pg
from pano_geometry import pixels

ERP = pg.Equirectangular(16, 32)
VIEW = pg.Perspective.from_fov(12, 14, math.radians(100))
LENS = pg.Fisheye.from_fov(16, 16, math.radians(200))
PAIRS = {
    "erp to view": (ERP, VIEW),
    "view to erp": (VIEW, ERP),
    "erp to erp": (ERP, ERP),
    "erp to cube": (ERP, pg.Cubemap(8)),
    "cube to erp": (pg.Cubemap(8), ERP),
    "erp to fisheye": (ERP, LENS),
    "fisheye to erp": (LENS, ERP),
    "erp to cylinder": (ERP, pg.Cylindrical(10, 24)),
    "erp to Cassini": (ERP, pg.Cassini(32, 16)),
}


def image_of(camera: pg.Camera, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 2, *camera.size, generator=generator, dtype=dtype)


def turns(n: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return pg.random_rotation(n, torch.Generator().manual_seed(3), dtype=dtype)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_vmap_over_rotations(pair: str, mode: Any) -> None:
    source, target = PAIRS[pair]
    image, rotations = image_of(source, dtype=torch.float64), turns(3, torch.float64)
    mapped = torch.vmap(lambda turn: pg.resample(image, source, target, turn, mode))(rotations)
    for got, turn in zip(mapped, rotations, strict=True):
        assert (got - pg.resample(image, source, target, turn, mode)).abs().max() < 1e-9


def test_vmap_over_images_and_rotations() -> None:
    images = torch.stack([image_of(ERP, seed) for seed in range(3)])
    mapped = torch.vmap(pg.rotate)(images, turns(3))
    expected = torch.stack([pg.rotate(*pair) for pair in zip(images, turns(3), strict=True)])
    assert (mapped - expected).abs().max() < 1e-5


@pytest.mark.parametrize("pair", PAIRS)
def test_func_grad_and_jvp_agree_with_autograd(pair: str) -> None:
    source, target = PAIRS[pair]
    image, turn = image_of(source, dtype=torch.float64), turns(1, torch.float64)[0]
    axis = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64)

    def value(vector: torch.Tensor) -> torch.Tensor:
        rotation = pg.from_axis_angle(vector) @ turn
        return pg.resample(image, source, target, rotation).square().sum()

    start = torch.full((3,), 0.01, dtype=torch.float64)
    leaf = start.clone().requires_grad_()
    (expected,) = torch.autograd.grad(value(leaf), leaf)
    assert torch.allclose(torch.func.grad(value)(start), expected, rtol=1e-8)
    _, tangent = torch.func.jvp(value, (start,), (axis,))
    assert torch.allclose(tangent, expected @ axis, rtol=1e-8)


def test_func_grad_of_the_image() -> None:
    image, turn = image_of(ERP), turns(1)[0]
    leaf = image.clone().requires_grad_()
    pg.rotate(leaf, turn).square().sum().backward()
    got = torch.func.grad(lambda x: pg.rotate(x, turn).square().sum())(image)
    assert leaf.grad is not None
    assert torch.allclose(got, leaf.grad, atol=1e-5)


def test_jvp_is_finite_at_the_poles() -> None:
    rays = torch.tensor([[0.0, -1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    _, tangent = torch.func.jvp(ERP.project, (rays,), (torch.ones_like(rays),))
    assert torch.isfinite(tangent).all()


@pytest.mark.parametrize("pair", PAIRS)
def test_make_fx_records_a_graph_that_serves_other_rotations(pair: str) -> None:
    source, target = PAIRS[pair]

    def function(image: torch.Tensor, turn: torch.Tensor) -> torch.Tensor:
        return pg.resample(image, source, target, turn)

    first, second = turns(2)
    graph = make_fx(function)(image_of(source), first)
    got = graph(image_of(source, 5), second)
    assert (got - function(image_of(source, 5), second)).abs().max() < 1e-4


class _View(torch.nn.Module):
    """A view of a panorama of any size."""

    def forward(self, erp: torch.Tensor, turn: torch.Tensor) -> torch.Tensor:
        return pg.erp_to_perspective(erp, VIEW, turn)


class _Turned(torch.nn.Module):
    """A rotated panorama of any size."""

    def forward(self, erp: torch.Tensor, turn: torch.Tensor) -> torch.Tensor:
        return pg.rotate(erp, turn)


def exported(module: torch.nn.Module, strict: bool) -> torch.export.ExportedProgram:
    batch, height, width = (torch.export.Dim(name, min=2) for name in ("b", "h", "w"))
    shapes = ({0: batch, 2: height, 3: width}, None)
    example = torch.rand(2, 3, 16, 32), turns(1)[0]
    return torch.export.export(module, example, dynamic_shapes=shapes, strict=strict)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("module", [_View(), _Turned()], ids=["view", "rotate"])
def test_export_with_dynamic_batch_and_size(module: torch.nn.Module, strict: bool) -> None:
    program = exported(module, strict).module()
    for shape in ((2, 3, 16, 32), (3, 3, 20, 40), (5, 3, 11, 23)):
        erp, turn = torch.rand(shape), turns(2)[1]
        assert (program(erp, turn) - module(erp, turn)).abs().max() < 1e-4


class _Maps(torch.nn.Module):
    """Normals, a padded map and another size of a map of any size."""

    def forward(self, distance: torch.Tensor) -> tuple[torch.Tensor, ...]:
        small = pg.resize(distance, (8, 16))
        return pg.distance_to_normals(distance), pg.pad(distance, 2), small


def test_export_of_maps_of_any_size() -> None:
    height, width = (torch.export.Dim(name, min=4) for name in ("h", "w"))
    example = (torch.rand(1, 1, 16, 32) + 1,)
    program = torch.export.export(_Maps(), example, dynamic_shapes=({2: height, 3: width},))
    for size in ((16, 32), (12, 36), (11, 23), (8, 16)):
        maps = torch.rand(1, 1, *size) + 1
        for got, expected in zip(program.module()(maps), _Maps()(maps), strict=True):
            assert (got - expected).abs().max() < 1e-4


def test_onnx_of_a_view(tmp_path: Any) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx and onnxscript write the file")
    pytest.importorskip("onnxscript")
    path = tmp_path / "view.onnx"
    torch.onnx.export(exported(_View(), False), f=str(path), dynamo=True)
    model = onnx.load(str(path))
    onnx.checker.check_model(model)
    names = {node.op_type for node in model.graph.node}
    assert names & {"GatherElements", "GatherND", "Gather", "GridSample"}
    runtime = pytest.importorskip("onnxruntime", reason="runs the file")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for shape in ((2, 3, 16, 32), (3, 3, 20, 40)):
        erp, turn = torch.rand(shape), turns(2)[1]
        inputs = (i.name for i in session.get_inputs())
        feed = dict(zip(inputs, (erp.numpy(), turn.numpy()), strict=True))
        got = torch.from_numpy(session.run(None, feed)[0])
        assert (got - _View()(erp, turn)).abs().max() < 1e-4


def test_compiles_without_graph_breaks() -> None:
    compiled = torch.compile(_View(), fullgraph=True, backend="eager")
    erp, turn = torch.rand(2, 3, 16, 32), turns(1)[0]
    assert (compiled(erp, turn) - _View()(erp, turn)).abs().max() < 1e-4
    blend = torch.compile(_blend, fullgraph=True, backend="eager")
    assert (blend(erp[:, None]) - _blend(erp[:, None])).abs().max() < 1e-4
    rays = torch.compile(lambda: ERP.rays(), fullgraph=True, backend="eager")()
    assert torch.equal(rays, ERP.rays())


def _blend(views: torch.Tensor) -> torch.Tensor:
    camera = pg.Perspective.from_fov(16, 32, 1.5)
    views = views.expand(-1, 12, -1, -1, -1)
    return pg.blend_views(views, camera, pg.tangent_rotations(12), 8, 16)[0]


class _NoFloat64(TorchDispatchMode):
    """Refuse float64 beside the CPU, as MPS does."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor) and leaf.device.type != "cpu":
                assert leaf.dtype != torch.float64, f"{func} made float64 on {leaf.device}"
        return result


@pytest.fixture
def without_float64() -> Iterator[None]:
    with _NoFloat64():
        yield


WITHOUT_FLOAT64: dict[str, Callable[[torch.Tensor], Any]] = {
    **{
        name: lambda _, pair=pair: pg.resample(
            torch.rand(1, 2, *pair[0].size, device="meta"), *pair, turns(1).to("meta")
        )
        for name, pair in PAIRS.items()
    },
    "rotate": lambda erp: pg.rotate(erp, turns(1).to("meta")),
    "masked": lambda erp: pg.resample_masked(erp, erp[:, :1] > 0, ERP, VIEW),
    "normals": lambda erp: pg.distance_to_normals(erp[:, :1]),
    "points": lambda erp: pg.distance_to_points(erp[:, :1]),
    "depth": lambda erp: pg.depth_to_distance(erp[..., :12, :14], VIEW),
    "coverage": lambda _: pg.coverage(LENS, ERP, device="meta"),
    "rays": lambda _: LENS.rays(device="meta"),
    "solid angle": lambda _: pg.solid_angle(8, 16, device="meta"),
    "latitudes": lambda _: pg.row_latitudes(8, device="meta"),
    "rotations": lambda _: pg.random_rotation(2, device="meta"),
    "tangents": lambda _: pg.tangent_rotations(12, device=torch.device("meta")),
}


@pytest.mark.usefixtures("without_float64")
@pytest.mark.parametrize("name", WITHOUT_FLOAT64)
def test_no_float64_on_a_device_that_has_none(name: str) -> None:
    out = WITHOUT_FLOAT64[name](torch.rand(1, 2, 16, 32, device="meta"))
    assert all(leaf.device.type == "meta" for leaf in tree_leaves(out))


def test_tables_of_a_device_without_float64_are_as_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = turns(1)
    exact = pg.resample(image_of(ERP), ERP, LENS, turn, "bicubic")
    monkeypatch.setattr(pixels, "NO_FLOAT64", {"cpu"})
    assert (pg.resample(image_of(ERP), ERP, LENS, turn, "bicubic") - exact).abs().max() < 1e-4


@pytest.fixture
def on_meta() -> Iterator[None]:
    torch.set_default_device("meta")
    yield
    torch.set_default_device(None)


def test_default_device_is_where_new_tensors_are(on_meta: None) -> None:
    made = (
        *(camera.rays() for pair in PAIRS.values() for camera in pair),
        pg.coverage(LENS, ERP),
        pg.from_ypr(0.1),
        pg.random_rotation(2),
        pg.tangent_rotations(12),
        pg.face_rotations(),
        pg.solid_angle(4, 8),
        pg.cube_solid_angle(4),
        pg.row_latitudes(4),
        pg.column_longitudes(4),
    )
    assert all(tensor.device.type == "meta" for tensor in made)
    assert ERP.rays(device="cpu").device.type == "cpu"


@pytest.mark.parametrize("pair", PAIRS)
def test_default_device_changes_nothing_for_given_images(pair: str) -> None:
    source, target = PAIRS[pair]
    image, turn = image_of(source), turns(1)[0]
    pg.grid_cache.clear()
    expected = [pg.resample(image, source, target, r) for r in (None, turn, turn, turn)]
    pg.grid_cache.clear()
    torch.set_default_device("meta")
    try:
        got = [pg.resample(image, source, target, r) for r in (None, turn, turn, turn)]
        points = pg.distance_to_normals(image[:, :1] + 1)
    finally:
        torch.set_default_device(None)
    assert points.device.type == "cpu"
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))


PICTURE = {
    "planet": lambda erp: pg.little_planet(erp, 8),
    "stitch": lambda erp: pg.dual_fisheye_to_erp(pg.erp_to_dual_fisheye(erp, LENS), LENS, 8, 16)[0],
    "labels": lambda erp: pg.resample_labels(erp[:, :1].int(), ERP, VIEW)[0],
    "photo sphere": lambda erp: pg.place_gpano(erp, pg.GPano(64, 128, 16, 32, 9, 9), 8, 16)[0],
}


@pytest.mark.parametrize("name", PICTURE)
def test_default_device_changes_nothing_for_given_pictures(name: str) -> None:
    picture = image_of(ERP)
    expected = PICTURE[name](picture)
    torch.set_default_device("meta")
    try:
        got = PICTURE[name](picture)
    finally:
        torch.set_default_device(None)
    assert torch.equal(got, expected)
