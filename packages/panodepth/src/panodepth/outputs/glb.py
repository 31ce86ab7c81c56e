"""Binary glTF of surfaces whose colours are photographs: unlit, as taken."""

from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image

UNLIT = "KHR_materials_unlit"


def make_textured_mesh(
    vertices: NDArray[Any],
    faces: NDArray[np.int64],
    uv: NDArray[Any],
    rgb: NDArray[np.uint8],
    both_sides: bool = False,
) -> trimesh.Trimesh:
    """A mesh that shows a picture as it is, stored as JPEG.

    Args:
        vertices: `(n, 3)`.
        faces: `(m, 3)`.
        uv: `(n, 2)` places in the picture, origin bottom left; beyond 1 it repeats.
        rgb: `(h, w, 3)`.
        both_sides: Whether the back of a triangle shows it, too.
    """
    texture = Image.fromarray(rgb)
    texture.format = "JPEG"  # trimesh stores the texture in this format
    visuals: Any = trimesh.visual  # its constructors carry no types
    material = visuals.material.PBRMaterial(
        baseColorTexture=texture, metallicFactor=0.0, roughnessFactor=1.0, doubleSided=both_sides
    )
    visual = visuals.TextureVisuals(uv=uv, material=material)
    return trimesh.Trimesh(vertices, faces, visual=visual, process=False)


def write_unlit_glb(path: Path, geometry: trimesh.Trimesh | trimesh.Scene) -> None:
    """Write textured meshes; viewers show the pictures without light and shade of their own."""
    with path.open("wb") as file:
        geometry.export(file_obj=file, file_type="glb", tree_postprocessor=_unlit)


def _unlit(tree: dict[str, Any]) -> None:
    for material in tree["materials"]:
        material.setdefault("extensions", {})[UNLIT] = {}
    tree["extensionsUsed"] = sorted({*tree.get("extensionsUsed", ()), UNLIT})


def srgb_to_linear(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the colours of a picture (sRGB) as glTF wants those of vertices: linear light."""
    share = colours / 255.0
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.rint(255 * light), dtype=np.uint8)
