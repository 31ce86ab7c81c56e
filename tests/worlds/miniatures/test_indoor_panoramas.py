import numpy as np

from pano_data import read_png_or_jpeg
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio


def test_normals_are_stored_as_128_times_one_plus_n(tmp_path):
    """n = 1 would be 256, which 8 bits hold as 255."""
    miniatures.write(
        "structured3d", tmp_path, scenes={"train": 1}, size=(32, 64), studio=BoxStudio()
    )
    (path,) = tmp_path.glob("**/normal.png")
    normal = read_png_or_jpeg(path)[..., ::-1]
    assert normal[0, 0].tolist() == [128, 255, 128]  # the ceiling faces down, which is +y
    assert normal[-1, 0].tolist() == [128, 0, 128]
    assert normal[16, 32].tolist() == [128, 128, 0]  # the wall ahead faces the camera
    assert np.unique(normal).size > 3  # and the ball everywhere
