"""A panorama's surface as a textured triangle mesh: GLB, USD."""

import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image

from pano_geometry import resize
from pano_geometry.pixels import centres
from panodepth.outputs.surface import EDGE_RATIO, to_distance, unproject_map
from panodepth.prediction import PredictedMap

GRID_HEIGHT = 384
TEXTURE_WIDTH = 4096
UNLIT = "KHR_materials_unlit"
USD_TEXTURE = "panorama.jpg"
USD_QUALITY = 90


class SphereMesh(NamedTuple):
    """A triangle mesh with texture coordinates.

    Attributes:
        vertices: `(n, 3)` float32.
        faces: `(m, 3)` int64, counter-clockwise seen from the camera.
        uv: `(n, 2)` float32, origin bottom left; `u` exceeds 1 on the closing column.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int64]
    uv: NDArray[np.float32]


def make_grid_faces(height: int, width: int) -> NDArray[np.int64]:
    """Return triangles over `height x width` vertices and two poles, counter-clockwise from inside.

    The vertices are row-major, then the top pole, then the bottom pole. The last column is joined
    to nothing: the caller repeats the first one there.
    """
    index = np.arange(height * width).reshape(height, width)
    a, b = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
    c, d = index[1:, :-1].ravel(), index[1:, 1:].ravel()
    top, bottom = height * width, height * width + 1
    first, last = index[0], index[-1]
    caps = [
        np.stack([np.full(width - 1, top), first[:-1], first[1:]], axis=1),
        np.stack([np.full(width - 1, bottom), last[1:], last[:-1]], axis=1),
    ]
    return np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1), *caps])


def _pole_distance(row: NDArray[np.float32]) -> float:
    return float(np.median(row)) if bool((row > 0).all()) else 0.0


def make_sphere_mesh(
    distance: NDArray[np.float32], height: int = GRID_HEIGHT, edge_ratio: float = EDGE_RATIO
) -> SphereMesh:
    """Triangulate a distance map over the whole sphere: seam and poles closed, edges cut.

    A triangle is left out when a corner has no distance (masked or far) or when its farthest corner
    is more than `edge_ratio` times as far as its nearest: between two surfaces nothing was seen.

    Args:
        distance: `(h, w)`, 0 where there is no surface.
        height: Rows of the vertex grid; never more than the map has.
        edge_ratio: Where a surface tears; infinity keeps it closed.

    Returns:
        The mesh, y up, camera at the origin.
    """
    height = min(height, distance.shape[0])
    grid = resize(distance, (height, 2 * height), "nearest")
    rows, columns = grid.shape
    points = unproject_map(grid)
    closed = np.concatenate([points, points[:, :1]], axis=1).reshape(-1, 3)
    poles = [_pole_distance(grid[0]), _pole_distance(grid[-1])]
    vertices = np.concatenate([closed, [[0, poles[0], 0], [0, -poles[1], 0]]]).astype(np.float32)
    right, down = centres(columns + 1).numpy() / columns, centres(rows).numpy() / rows
    u, v = np.meshgrid(right, 1 - down)
    uv = np.concatenate([np.stack([u, v], -1).reshape(-1, 2), [[0.5, 1], [0.5, 0]]])
    faces = make_grid_faces(rows, columns + 1)
    reach = np.concatenate([np.concatenate([grid, grid[:, :1]], axis=1).ravel(), poles])[faces]
    kept = (reach.min(1) > 0) & (reach.max(1) <= edge_ratio * reach.min(1))
    return SphereMesh(vertices, faces[kept], uv.astype(np.float32))


def add_texture(surface: SphereMesh, rgb: NDArray[np.uint8]) -> trimesh.Trimesh:
    """The mesh with the panorama as its texture, visible from both sides."""
    width = min(TEXTURE_WIDTH, rgb.shape[1])
    picture = resize(rgb, (width // 2, width))
    return make_textured_mesh(*surface, picture, both_sides=True)


def write_glb(path: Path, rgb: NDArray[np.uint8], prediction: PredictedMap) -> None:
    """Write the textured mesh of a prediction as binary glTF."""
    mesh = add_texture(make_sphere_mesh(to_distance(prediction)), rgb)
    mesh.remove_unreferenced_vertices()
    write_unlit_glb(path, mesh)


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
    for material in tree.get("materials", ()):  # none where nothing is near
        material.setdefault("extensions", {})[UNLIT] = {}
    tree["extensionsUsed"] = sorted({*tree.get("extensionsUsed", ()), UNLIT})


def srgb_to_linear(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the colours of a picture (sRGB) as glTF wants those of vertices: linear light."""
    share = colours / 255.0
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.rint(255 * light), dtype=np.uint8)


def write_usdz(path: Path, rgb: NDArray[np.uint8], prediction: PredictedMap) -> None:
    """Write the textured mesh of a prediction; y up, metres where it is metric.

    Raises:
        ImportError: usd-core is not installed.
    """
    usd = _library()
    surface = make_sphere_mesh(to_distance(prediction))
    with tempfile.TemporaryDirectory() as folder:
        width = min(TEXTURE_WIDTH, rgb.shape[1])
        picture = Image.fromarray(resize(rgb, (width // 2, width)))
        picture.save(Path(folder) / USD_TEXTURE, quality=USD_QUALITY)
        layer, package = Path(folder) / "mesh.usdc", Path(folder) / "mesh.usdz"
        _write_stage(usd, layer, surface, prediction)
        if not usd.UsdUtils.CreateNewUsdzPackage(usd.Sdf.AssetPath(str(layer)), str(package)):
            raise OSError(f"cannot write {path.name}: the USD library made no package")
        shutil.copyfile(package, path)


def _library() -> Any:
    try:
        import pxr
        from pxr import Gf, Sdf, Usd, UsdGeom, UsdShade, UsdUtils, Vt  # noqa: F401 - parts of pxr
    except ImportError as error:
        raise ImportError("USD files need usd-core: pip install 'panodepth[usd]'") from error
    return pxr


def _write_stage(usd: Any, path: Path, surface: SphereMesh, prediction: PredictedMap) -> None:
    stage = usd.Usd.Stage.CreateNew(str(path))
    usd.UsdGeom.SetStageUpAxis(stage, usd.UsdGeom.Tokens.y)
    usd.UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    root = usd.UsdGeom.Xform.Define(stage, "/Panorama")
    stage.SetDefaultPrim(root.GetPrim())
    root.GetPrim().SetCustomDataByKey("unit", prediction.unit)
    root.GetPrim().SetCustomDataByKey("kind", prediction.kind)
    mesh = usd.UsdGeom.Mesh.Define(stage, "/Panorama/Surface")
    used, faces = np.unique(surface.faces, return_inverse=True)
    vertices, uv = surface.vertices[used], surface.uv[used]
    mesh.CreatePointsAttr(usd.Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(vertices, np.float32)))
    mesh.CreateFaceVertexCountsAttr([3] * len(surface.faces))
    mesh.CreateFaceVertexIndicesAttr(usd.Vt.IntArray.FromNumpy(faces.ravel().astype(np.int32)))
    mesh.CreateSubdivisionSchemeAttr(usd.UsdGeom.Tokens.none)
    mesh.CreateDoubleSidedAttr(True)
    if len(vertices):
        mesh.CreateExtentAttr([tuple(map(float, v)) for v in (vertices.min(0), vertices.max(0))])
    coordinates = usd.UsdGeom.PrimvarsAPI(mesh).CreatePrimvar(
        "st", usd.Sdf.ValueTypeNames.TexCoord2fArray, usd.UsdGeom.Tokens.vertex
    )
    coordinates.Set(usd.Vt.Vec2fArray.FromNumpy(np.ascontiguousarray(uv, np.float32)))
    usd.UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(_unlit_material(usd, stage))
    stage.GetRootLayer().Save()


def _unlit_material(usd: Any, stage: Any) -> Any:
    """Return a material that shows the picture as it is: emissive, without reflections."""
    types = usd.Sdf.ValueTypeNames
    material = usd.UsdShade.Material.Define(stage, "/Panorama/Material")

    def shader(name: str, kind: str) -> Any:
        made = usd.UsdShade.Shader.Define(stage, f"/Panorama/Material/{name}")
        made.CreateIdAttr(kind)
        return made

    preview = shader("Preview", "UsdPreviewSurface")
    texture = shader("Texture", "UsdUVTexture")
    reader = shader("Coordinates", "UsdPrimvarReader_float2")
    reader.CreateInput("varname", types.String).Set("st")
    texture.CreateInput("file", types.Asset).Set(f"./{USD_TEXTURE}")
    texture.CreateInput("sourceColorSpace", types.Token).Set("sRGB")
    for side in ("wrapS", "wrapT"):  # the closing column lies beyond 1
        texture.CreateInput(side, types.Token).Set("repeat")
    at = reader.CreateOutput("result", types.Float2)
    texture.CreateInput("st", types.Float2).ConnectToSource(at)
    colour = texture.CreateOutput("rgb", types.Float3)
    preview.CreateInput("emissiveColor", types.Color3f).ConnectToSource(colour)
    preview.CreateInput("diffuseColor", types.Color3f).Set(usd.Gf.Vec3f(0, 0, 0))
    preview.CreateInput("roughness", types.Float).Set(1.0)
    surface = preview.CreateOutput("surface", types.Token)
    material.CreateSurfaceOutput().ConnectToSource(surface)
    return material
