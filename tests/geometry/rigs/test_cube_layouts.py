"""Layouts against their definitions, orders against the tables of the programs themselves."""

import pytest
import torch

import pano_geometry as pg
from pano_geometry.rigs.cube_layouts import LAYOUTS

SIZE = 5
# OpenGL 4.6 core, table 8.19: the ray of texture coordinates (s, t) in -1..1 on each layer.
LAYERS = {
    "+x": lambda s, t: (1 + 0 * s, -t, -s),
    "-x": lambda s, t: (-1 + 0 * s, -t, s),
    "+y": lambda s, t: (s, 1 + 0 * s, t),
    "-y": lambda s, t: (s, -1 + 0 * s, -t),
    "+z": lambda s, t: (s, -t, 1 + 0 * s),
    "-z": lambda s, t: (-s, -t, -1 + 0 * s),
}
WORLDS = {
    "opengl": lambda x, y, z: (x, -y, z),  # x right, y up, z forward
    "unity": lambda x, y, z: (x, -y, z),
    "unreal": lambda x, y, z: (z, x, -y),  # x forward, y right, z up
}


def faces_of_rays() -> torch.Tensor:
    """Direction-coded faces (1, 6, 3, f, f)."""
    rays = pg.Cubemap(SIZE).rays(dtype=torch.float64)
    return rays.unflatten(0, (6, SIZE)).permute(0, 3, 1, 2)[None]


@pytest.mark.parametrize("order", WORLDS)
def test_layers_of_a_cube_texture(order) -> None:
    by_name = pg.cube_to_layout(faces_of_rays(), "dict", order)
    assert list(by_name) == list(LAYERS)
    axis = (torch.arange(SIZE).double() + 0.5) * 2 / SIZE - 1
    t, s = torch.meshgrid(axis, axis, indexing="ij")  # the first row in memory is t = -1
    for name, layer in LAYERS.items():
        ray = torch.stack(layer(s, t))
        stored = torch.stack(WORLDS[order](*by_name[name][0]))
        assert torch.allclose(stored, ray / ray.norm(dim=0), atol=1e-12), name


def test_cross_joins_edges_that_touch() -> None:
    cross = pg.cube_to_layout(faces_of_rays(), "dice", "unreal")[0]
    assert cross.shape == (3, 3 * SIZE, 4 * SIZE)
    rows = cross[:, SIZE : 2 * SIZE]
    step = (rows[..., 1:] - rows[..., :-1]).norm(dim=0)
    column = cross[..., SIZE : 2 * SIZE]
    step_down = (column[:, 1:] - column[:, :-1]).norm(dim=0)
    assert max(step.max(), step_down.max()) < 2.01 / SIZE  # no jump where faces meet
    assert cross[:, :SIZE, :SIZE].abs().max() == 0
    assert cross[:, 0, SIZE : 2 * SIZE].norm(dim=0).min() > 0.99


def test_positions() -> None:
    faces = torch.arange(6.0).reshape(1, 6, 1, 1, 1)  # F R B L U D = 0 .. 5
    assert pg.cube_to_layout(faces, "dice")[0, 0].tolist() == [
        [0, 4, 0, 0],
        [3, 0, 1, 2],
        [0, 5, 0, 0],
    ]
    assert pg.cube_to_layout(faces, "horizon", "unity").flatten().tolist() == [1, 3, 4, 5, 0, 2]
    assert pg.cube_to_layout(faces, "strip", "unreal").shape == (1, 1, 6, 1)
    assert pg.cube_to_layout(faces, "strip", "unreal").flatten().tolist() == [0, 2, 1, 3, 4, 5]
    by_file = pg.cube_to_layout(faces, "dict", "3ds")
    assert {key: float(value) for key, value in by_file.items()} == {
        "UP": 4, "DN": 5, "LF": 3, "RT": 1, "FR": 0, "BK": 2
    }  # fmt: skip
    own = pg.FaceOrder("BDFLRU")
    assert [float(x) for x in pg.cube_to_layout(faces, "list", own)] == [2, 5, 0, 3, 1, 4]


@pytest.mark.parametrize("order", pg.FACE_ORDERS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_round_trip_of_tensors_and_arrays(layout, order, generator) -> None:
    faces = torch.randint(0, 60000, (2, 6, 3, 5, 5), generator=generator, dtype=torch.int32)
    again = pg.layout_to_cube(pg.cube_to_layout(faces, layout, order), layout, order)
    assert torch.equal(again, faces)
    np = pytest.importorskip("numpy")
    for array in (
        faces[0, :, 0].to(torch.int16).numpy().view(np.uint16),
        faces[0].movedim(1, -1).numpy().astype(np.uint16),
        faces[:, :, :1].numpy().astype(np.float32),
    ):
        arranged = pg.cube_to_layout(array, layout, order)
        back = pg.layout_to_cube(arranged, layout, order)
        assert back.dtype == array.dtype
        assert (back == array).all()


def test_layout_is_that_of_py360convert_and_equilib() -> None:
    np = pytest.importorskip("numpy")
    theirs = pytest.importorskip("py360convert")
    erp = np.random.default_rng(3).random((32, 64, 3))
    six = theirs.e2c(erp, 8, cube_format="list")
    faces = pg.layout_to_cube(six, "list", "py360convert")
    for layout in ("dice", "horizon", "dict"):
        expected = theirs.e2c(erp, 8, cube_format=layout)
        ours = pg.cube_to_layout(faces, layout, "py360convert")
        if layout == "dict":
            assert list(ours) == list(expected)
            ours, expected = np.stack(list(ours.values())), np.stack(list(expected.values()))
        assert (ours == expected).all()


def test_layout_is_that_of_equilib() -> None:
    theirs = pytest.importorskip("equilib")
    erp = pg.Equirectangular(32, 64).rays().permute(2, 0, 1)[None]
    zero = [{"roll": 0.0, "pitch": 0.0, "yaw": 0.0}]
    for layout in ("dice", "horizon", "list", "dict"):
        made = theirs.equi2cube(equi=erp, rots=zero, w_face=8, cube_format=layout)
        if layout == "list":
            made = [face[None] for face in made[0]]
        if layout == "dict":
            made = {key: face[None] for key, face in made[0].items()}
        faces = pg.layout_to_cube(made, layout, "equilib")
        assert (faces - pg.erp_to_cube(erp, 8))[..., 1:-1, 1:-1].abs().max() < 1e-3


def test_bad_input_is_refused() -> None:
    faces = torch.zeros(1, 6, 3, 4, 4)
    with pytest.raises(ValueError, match="layout"):
        pg.cube_to_layout(faces, "cross")
    with pytest.raises(ValueError, match="order"):
        pg.cube_to_layout(faces, "dice", "maya")
    with pytest.raises(ValueError, match="order"):
        pg.cube_to_layout(faces, "dice", pg.FaceOrder("FRBLUU"))
    with pytest.raises(pg.ShapeError, match="faces"):
        pg.cube_to_layout(faces[0], "dice")
    with pytest.raises(pg.ShapeError, match="6 f"):
        pg.layout_to_cube(torch.zeros(1, 3, 4, 23), "horizon")
    with pytest.raises(pg.ShapeError, match="5 pictures"):
        pg.layout_to_cube([faces[:, 0]] * 5, "list")
    with pytest.raises(ValueError, match="U"):
        pg.layout_to_cube(dict(zip("FRBLD", faces[0], strict=False)), "dict")
    with pytest.raises(TypeError, match="str"):
        pg.layout_to_cube("faces.png", "dice")
