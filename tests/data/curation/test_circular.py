import torch
from torch.nn.functional import avg_pool2d, conv2d

from pano_data.curation.circular import apply_around, fade_seam, pad_right, resize


def maps(width=12):
    return torch.rand(2, 3, 6, width, generator=torch.Generator().manual_seed(0))


def test_agreed_copies_are_one_and_continuous():
    wide = pad_right(maps(), 4)
    assert wide.shape[-1] == 16
    assert torch.equal(fade_seam(wide, 4), wide)  # copies that agree already stay
    other = wide.clone()
    other[..., -4:] = 9.0  # what the network made of the second copy
    found = fade_seam(other, 4)
    assert torch.equal(found[..., :4], found[..., -4:])
    assert (found[..., 0] == 9.0).all()  # goes on from the right border
    assert torch.equal(found[..., 4:-4], wide[..., 4:-4])
    torch.testing.assert_close(found[..., 2], 0.5 * wide[..., 2] + 4.5)


def test_a_convolution_turns_with_its_picture():
    kernel = torch.rand(1, 3, 3, 3, generator=torch.Generator().manual_seed(1))

    def blur(x):
        return conv2d(x, kernel, padding=1)

    here, turned = (apply_around(blur, x, 2) for x in (maps(), maps().roll(5, -1)))
    assert here.shape == (2, 1, 6, 12)
    torch.testing.assert_close(turned, here.roll(5, -1))


def test_scaling_functions_are_cut_to_size():
    half = apply_around(lambda x: avg_pool2d(x, 2), maps(), 4)
    torch.testing.assert_close(half, avg_pool2d(maps(), 2))
    double = apply_around(lambda x: x.repeat_interleave(2, -1).repeat_interleave(2, -2), maps(), 2)
    assert torch.equal(double, maps().repeat_interleave(2, -1).repeat_interleave(2, -2))


def test_resizing_has_no_seam():
    one = resize(maps(16), (9, 24))
    assert one.shape == (2, 3, 9, 24)
    torch.testing.assert_close(resize(maps(16).roll(4, -1), (9, 24)), one.roll(6, -1))
    small = resize(maps(16), (3, 8))
    torch.testing.assert_close(small.mean((-2, -1)), maps(16).mean((-2, -1)), atol=0.02, rtol=0)
