"""Cropped and tilted panoramas come back to their place on the sphere."""

import math

import pytest
import torch

import pano_geometry as pg

XMP = b"""\xff\xd8..<rdf:Description GPano:ProjectionType="equirectangular"
 GPano:FullPanoWidthPixels="128" GPano:FullPanoHeightPixels="64"
 GPano:CroppedAreaImageWidthPixels="60" GPano:CroppedAreaImageHeightPixels="30"
 GPano:CroppedAreaLeftPixels="20" GPano:CroppedAreaTopPixels="10"
 GPano:PoseHeadingDegrees="90" GPano:PosePitchDegrees='-10.5'>
 <GPano:PoseRollDegrees>4.0</GPano:PoseRollDegrees></rdf:Description>"""


def panorama() -> torch.Tensor:
    return torch.rand(1, 3, 64, 128, generator=torch.Generator().manual_seed(0))


def test_metadata_are_read_as_attributes_and_elements() -> None:
    gpano = pg.GPano.read(XMP)
    assert gpano == pg.GPano(64, 128, 30, 60, 10, 20, 90.0, -10.5, 4.0)
    assert pg.GPano.read(b"a JPEG without them") is None
    with pytest.raises(ValueError, match="FullPanoHeightPixels"):
        pg.GPano.read(b'GPano:FullPanoWidthPixels="128"')


def test_level_crop_lands_on_its_own_pixels() -> None:
    erp, gpano = panorama(), pg.GPano(64, 128, 30, 60, 10, 20)
    placed, known = pg.place_gpano(erp[..., 10:40, 20:80], gpano, 64, 128)
    inside = torch.zeros(1, 1, 64, 128, dtype=torch.bool)
    inside[..., 10:40, 20:80] = True
    assert torch.equal(known, inside)
    assert (placed - erp * inside).abs().max() < 1e-4


def test_crop_across_the_seam() -> None:
    erp, gpano = panorama(), pg.GPano(64, 128, 30, 60, 10, 100)
    placed, known = pg.place_gpano(erp.roll(-100, -1)[..., 10:40, :60], gpano, 64, 128)
    assert known[0, 0, 20, [100, 127, 0, 31]].all()
    assert not known[0, 0, 20, 32:100].any()
    assert (placed - erp)[..., 10:40, :32].abs().max() < 1e-4


def test_full_width_crop_wraps() -> None:
    erp, gpano = panorama(), pg.GPano(64, 128, 40, 128, 12, 0)
    placed, known = pg.place_gpano(erp[..., 12:52, :], gpano, 64, 256)
    assert known[..., 12:52, :].all()
    expected = 0.75 * erp[..., 0] + 0.25 * erp[..., -1]
    assert (placed[..., 0] - expected)[..., 13:51].abs().max() < 1e-4


def test_resized_picture_keeps_its_angles() -> None:
    camera = pg.GPano(64, 128, 30, 60, 10, 20).camera(15, 30)
    full = pg.GPano(64, 128, 30, 60, 10, 20).camera(30, 60)
    corner = torch.zeros(2, dtype=torch.float64)
    assert torch.allclose(camera.unproject(corner), full.unproject(corner))


def test_tilted_picture_is_levelled() -> None:
    gpano = pg.GPano(64, 128, 64, 128, 0, 0, 0.0, 20.0, 30.0)
    rays = pg.Equirectangular(64, 128).rays().permute(2, 0, 1)[None]
    tilted = pg.rotate(rays, gpano.rotation())  # what the tilted camera records
    level, known = pg.place_gpano(tilted, gpano, 64, 128)
    assert known.all()
    assert (level - rays).abs().max() < 0.02  # two interpolations
    ahead = gpano.rotation()[:, 2]
    assert math.degrees(math.asin(-ahead[1])) == pytest.approx(20.0, abs=1e-4)
    east = pg.GPano(64, 128, 64, 128, 0, 0, 90.0).rotation(heading=True)
    assert torch.allclose(east[:, 2], torch.tensor([1.0, 0.0, 0.0]), atol=1e-6)


def test_file_and_packet_read_alike(tmp_path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(XMP)
    assert pg.GPano.read(path) == pg.GPano.read(str(path)) == pg.GPano.read(XMP)
    assert pg.GPano.tags(XMP)["ProjectionType"] == "equirectangular"


def test_reads_what_pillow_has_of_a_jpeg(tmp_path) -> None:
    image = pytest.importorskip("PIL.Image")
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + XMP[4:] + b"</x:xmpmeta>"
    image.new("RGB", (60, 30)).save(tmp_path / "a.jpg", xmp=packet)
    with image.open(tmp_path / "a.jpg") as photo:
        assert pg.GPano.read(photo.info["xmp"]) == pg.GPano.read(tmp_path / "a.jpg")
        assert pg.GPano.read(tmp_path / "a.jpg") == pg.GPano.read(XMP)


@pytest.mark.parametrize(
    ("change", "match"),
    [((b'"128"', b'"wide"'), "wide"), ((b'"60"', b'"0"'), "0x30"), ((b'"10"', b'"50"'), "row 50")],
)
def test_bad_tags_are_refused(change: tuple[bytes, bytes], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        pg.GPano.read(XMP.replace(*change))


def test_every_size_of_a_whole_turn_wraps() -> None:
    for width in range(1, 130):
        camera = pg.GPano(49, 98, 49, 98, 0, 0).camera(49, width)
        assert camera.surface.value == "cylinder"
        assert camera.visible(torch.tensor([[0.0, 0.3, -1.0]])).all()


@pytest.mark.parametrize("left", [20, 100])
def test_crop_of_picture_and_labels_comes_back(left: int) -> None:
    gpano, erp = pg.GPano(64, 128, 30, 60, 10, left), pg.Equirectangular(64, 128)
    camera, back = gpano.camera(30, 60), gpano.rotation()
    photo = torch.rand(1, 3, 30, 60, generator=torch.Generator().manual_seed(1))
    classes = (photo[:, :1] * 40).to(torch.uint8)
    placed, known = pg.place_gpano(photo, gpano, 64, 128)
    assert known.sum() == 30 * 60
    assert (pg.resample(placed, erp, camera, back) - photo).abs().max() < 1e-4
    near, _ = pg.place_gpano(classes, gpano, 64, 128, mode="nearest")
    assert torch.equal(pg.resample(near, erp, camera, back, mode="nearest"), classes)
    voted, _, weight = pg.resample_labels(classes, camera, erp, back.mT)
    assert torch.equal(pg.resample_labels(voted, erp, camera, back)[0], classes)
    assert torch.equal(weight > 0.5, known)


def test_tilted_crop_of_picture_and_labels_comes_back() -> None:
    gpano, erp = pg.GPano(64, 128, 60, 120, 2, 5, 0.0, 15.0, -20.0), pg.Equirectangular(256, 512)
    camera, back = gpano.camera(60, 120), gpano.rotation()
    rays = camera.rays().permute(2, 0, 1)[None]
    classes = (rays[:, :1] > 0.2).int() + 2 * (rays[:, 1:2] > 0.1).int()
    placed, _ = pg.place_gpano(rays, gpano, 256, 512)
    inner = (..., slice(1, -1), slice(1, -1))
    assert (pg.resample(placed, erp, camera, back) - rays)[inner].abs().max() < 5e-3
    voted, _, _ = pg.resample_labels(classes, camera, erp, back.mT)
    again, support, _ = pg.resample_labels(voted, erp, camera, back)
    sure = support > 0.99
    assert sure.float().mean() > 0.85
    assert torch.equal(again[sure], classes[sure])
