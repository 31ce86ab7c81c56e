from collections.abc import Callable
from pathlib import Path

import pytest

from panodepth.errors import CommandError
from panodepth.masks import MaskFolder
from panodepth.panoramas import PanoramaFile

Save = Callable[..., Path]


@pytest.mark.parametrize(
    "name", ["a.png", "a_mask.png", "a.jpg.png", "A.PNG", "a.jpg", "a_MASK.webp", "a.JPG.png"]
)
def test_masks_are_found_by_every_name(save_panorama: Save, tmp_path: Path, name: str) -> None:
    file = PanoramaFile(save_panorama("in/floor/a.jpg"), tmp_path / "in")
    mask = save_panorama(f"masks/floor/{name}", mode="L")
    assert MaskFolder(tmp_path / "masks").find(file) == mask


def test_other_files_are_no_mask(save_panorama: Save, tmp_path: Path) -> None:
    file = PanoramaFile(save_panorama("in/a.jpg"), tmp_path / "in")
    save_panorama("masks/b.png")
    (tmp_path / "masks" / "._a.png").write_bytes(b"what macOS leaves")
    assert MaskFolder(tmp_path / "masks").find(file) is None
    assert MaskFolder(tmp_path / "in").find(file) is None  # itself


def test_a_name_that_no_file_system_takes_has_no_mask(tmp_path: Path) -> None:
    file = PanoramaFile(tmp_path / ("n" * 300 + ".jpg"), tmp_path)
    assert MaskFolder(tmp_path).find(file) is None


def test_no_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is no folder that can be listed"):
        MaskFolder(tmp_path / "nowhere")
