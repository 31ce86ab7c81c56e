"""What a camera sees of a world."""

from dataclasses import dataclass

from pano_worlds.arrays import F32, F64, I32, U8, Mask


@dataclass(frozen=True)
class View:
    """Image and exact labels of one camera.

    Attributes:
        rgb: `(h, w, 3)` uint8 sRGB.
        distance: `(h, w)` float32 metres along the ray; 0 where the ray meets nothing.
        normal: `(h, w, 3)` float32 unit normal in camera axes, towards the camera; 0 where the ray meets nothing.
        instance: `(h, w)` int32 object number; 0 where the ray meets nothing.
        sky: `(h, w)` bool, the ray meets nothing.
        edge: `(h, w)` bool, next to a jump in distance between two surfaces.
        artefact: `(h, w)` bool, covered by the tripod or the watermark of the camera appearance.
        position: `(3,)` camera centre in the world, metres.
        rotation: `(3, 3)` camera-to-world.
    """

    rgb: U8
    distance: F32
    normal: F32
    instance: I32
    sky: Mask
    edge: Mask
    artefact: Mask
    position: F64
    rotation: F64
