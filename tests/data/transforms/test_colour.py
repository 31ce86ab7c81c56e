import torch

from pano_data.transforms import Colour
from tests.data.synthetic import Numbered

SAMPLE = Numbered(1)[0]
STRONG = Colour(gamma=(70, 140), noise=0.1, blur=5, p=1.0)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_only_the_image_changes():
    changed = STRONG(SAMPLE, seeded(1))
    assert not torch.equal(changed["image"], SAMPLE["image"])
    assert changed["image"].dtype == torch.float32
    assert changed["image"].shape == SAMPLE["image"].shape
    assert changed["image"].min() >= 0
    assert changed["image"].max() <= 1
    for name in ("distance", "valid", "far"):
        assert changed[name] is SAMPLE[name]


def test_the_generator_decides():
    again = STRONG(SAMPLE, seeded(1))["image"]
    assert torch.equal(STRONG(SAMPLE, seeded(1))["image"], again)
    assert not torch.equal(STRONG(SAMPLE, seeded(2))["image"], again)


def test_order_of_calls_does_not_matter():
    alone = Colour(p=1.0)(SAMPLE, seeded(7))["image"]
    one = Colour(p=1.0)
    one(SAMPLE, seeded(3))
    assert torch.equal(one(SAMPLE, seeded(7))["image"], alone)


def test_probability_zero_keeps_the_image():
    same = Colour(p=0.0)(SAMPLE, seeded(0))["image"]
    torch.testing.assert_close(same, SAMPLE["image"], rtol=0, atol=0.5 / 255 + 1e-6)


def test_blur_goes_over_the_seam():
    """A panorama has no border: blurred and turned is turned and blurred."""
    blur = Colour(0, 0, 0, 0, blur=7, p=1.0)
    sample = {**SAMPLE, "image": torch.rand(3, 16, 32, generator=seeded(0))}
    turned = {**sample, "image": sample["image"].roll(11, -1)}
    one, two = (blur(each, seeded(2))["image"] for each in (sample, turned))
    assert (one - sample["image"]).abs().max() > 0.1
    assert torch.equal(one.roll(11, -1), two)
