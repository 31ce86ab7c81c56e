"""A panorama's surface as USD: one `.usdz` that phones, Blender, Houdini and Omniverse open."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pano_geometry import resize
from panodepth.outputs.sphere_mesh import TEXTURE_WIDTH, SphereMesh, make_sphere_mesh
from panodepth.outputs.surface import to_distance
from panodepth.prediction import PredictedMap

TEXTURE = "panorama.jpg"
QUALITY = 90


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
        picture.save(Path(folder) / TEXTURE, quality=QUALITY)
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
    texture.CreateInput("file", types.Asset).Set(f"./{TEXTURE}")
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
