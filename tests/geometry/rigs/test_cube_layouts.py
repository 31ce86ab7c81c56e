"""Layouts against their definitions, orders against the tables of the programs themselves."""

from pathlib import Path

import pytest
import torch

import pano_geometry as pg
from pano_geometry.rigs.cube_layouts import LAYOUTS

SIZE = 5
PEERS = torch.load(Path(__file__).parents[1] / "peers" / "cube_layouts.pt", weights_only=True)
"""What py360convert 1.0.4 and equilib 0.6.0 return, by library and layout.

`e2c(erp, 4, cube_format=layout)` of random numbers (16, 32, 3), and `equi2cube(equi=rays,
rots=zero, w_face=4, cube_format=layout)` of the directions of a panorama of that size.
"""
LAYOUTS_OF_PEERS = ("dice", "horizon", "list", "dict")
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


def batched(made, change):
    """What a library returned, with each picture changed to (1, 3, h, w)."""
    if isinstance(made, dict):
        return {key: change(face) for key, face in made.items()}
    return [change(face) for face in made] if isinstance(made, list) else change(made)


def pictures(made) -> list[torch.Tensor]:
    if isinstance(made, dict):
        return list(made.values())
    return list(made) if isinstance(made, list) else [made]


@pytest.mark.parametrize("layout", LAYOUTS_OF_PEERS)
def test_layout_is_that_of_py360convert(layout) -> None:
    theirs = {
        name: batched(made, lambda face: face.movedim(-1, 0)[None])
        for name, made in PEERS["py360convert"].items()
    }
    faces = pg.layout_to_cube(theirs["list"], "list", "py360convert")
    assert torch.equal(pg.layout_to_cube(theirs[layout], layout, "py360convert"), faces)
    ours = pg.cube_to_layout(faces, layout, "py360convert")
    assert type(ours) is type(theirs[layout])
    if layout == "dict":
        assert list(ours) == list(theirs[layout])
    for one, other in zip(pictures(ours), pictures(theirs[layout]), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("layout", LAYOUTS_OF_PEERS)
def test_layout_is_that_of_equilib(layout) -> None:
    made = batched(PEERS["equilib"][layout], lambda face: face.reshape(1, *face.shape[-3:]))
    faces = pg.layout_to_cube(made, layout, "equilib")
    erp = pg.Equirectangular(16, 32).rays().permute(2, 0, 1)[None]
    assert (faces - pg.erp_to_cube(erp, 4))[..., 1:-1, 1:-1].abs().max() < 1e-3


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
