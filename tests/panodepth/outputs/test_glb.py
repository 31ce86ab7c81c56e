import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from panodepth.outputs.glb import make_textured_mesh, srgb_to_linear, write_unlit_glb


def _tree(path: Path) -> dict[str, Any]:
    """The JSON part of a GLB."""
    data = path.read_bytes()
    (length,) = struct.unpack("<I", data[12:16])
    tree: dict[str, Any] = json.loads(data[20 : 20 + length])
    return tree


def test_materials_are_unlit_and_declared(tmp_path: Path) -> None:
    uv = np.array([[0, 0], [1, 0], [0, 1]], float)
    picture = np.full((8, 16, 3), (200, 40, 40), np.uint8)
    mesh = make_textured_mesh(np.eye(3), np.array([[0, 1, 2]]), uv, picture)
    write_unlit_glb(tmp_path / "a.glb", mesh)
    tree = _tree(tmp_path / "a.glb")
    assert tree["extensionsUsed"] == ["KHR_materials_unlit"]
    assert [m["extensions"] for m in tree["materials"]] == [{"KHR_materials_unlit": {}}]
    assert tree["images"][0]["mimeType"] == "image/jpeg"
    loaded: Any = trimesh.load(tmp_path / "a.glb", force="mesh")
    texture = np.asarray(loaded.visual.material.baseColorTexture.convert("RGB"))
    assert np.abs(texture.astype(int) - (200, 40, 40)).max() < 4


def test_colours_of_vertices_are_linear_light() -> None:
    """Values of the sRGB curve: IEC 61966-2-1."""
    srgb = np.array([[0, 128, 255], [10, 64, 188]], np.uint8)
    np.testing.assert_array_equal(srgb_to_linear(srgb), [[0, 55, 255], [1, 13, 128]])
