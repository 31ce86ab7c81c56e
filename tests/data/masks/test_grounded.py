import numpy as np
import pytest

from pano_data.masks import GroundedMasker

from .tiny_models import write_detector, write_segmenter

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries about their own tiny models

RGB = np.random.default_rng(0).integers(0, 255, (32, 64, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    detector, segmenter = (tmp_path_factory.mktemp(name) for name in ("dino", "sam"))
    write_detector(detector)
    write_segmenter(segmenter)
    return {"detector": str(detector), "segmenter": str(segmenter)}


def test_no_box_means_all_usable(folders):
    masker = GroundedMasker(**folders, box_threshold=1.0)
    assert masker(RGB).all()


def test_the_mask_is_the_complement_of_all_segments(folders):
    masker = GroundedMasker(**folders, box_threshold=0.0, text_threshold=0.0)
    boxes = masker.boxes(RGB)
    assert boxes.shape == (6, 4)  # every query of the tiny detector
    segments = masker.segments(RGB, boxes)
    assert segments.shape == (6, 32, 64)
    assert segments.any()
    np.testing.assert_array_equal(masker(RGB), ~segments.any(0))


def test_boxes_are_pixels_of_the_picture(folders):
    masker = GroundedMasker(**folders, box_threshold=0.0, text_threshold=0.0)
    centres = masker.boxes(RGB).reshape(-1, 2, 2).mean(1)
    assert (centres >= 0).all()
    assert (centres <= [64, 32]).all()
    wide = masker.boxes(RGB.repeat(2, 1).repeat(2, 0)).reshape(-1, 2, 2).mean(1)
    assert centres.max() < wide.max() <= 128


def test_prompts_are_asked_jointly_in_lower_case(folders, monkeypatch):
    masker = GroundedMasker(**folders, prompts=("Sky", "watermark"))
    asked = []
    process = masker.detect_processor.__class__.__call__

    def listen(self, *args, **kwargs):
        asked.append(kwargs["text"])
        return process(self, *args, **kwargs)

    monkeypatch.setattr(masker.detect_processor.__class__, "__call__", listen)
    masker(RGB)
    assert asked == ["sky. watermark."]


def test_a_missing_library_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(ImportError, match=r"pano-data\[masks\]"):
        GroundedMasker()
