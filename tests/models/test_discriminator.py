import pytest
import torch

from pano_models import EncoderDiscriminator, PatchDiscriminator, normalize_distance
from pano_models.backbones.encoders import build_encoder


@pytest.mark.parametrize(("layers", "pixels"), [(2, 34), (3, 70)])
def test_what_a_patch_verdict_sees(layers, pixels):
    """The input gradient of one logit spans so many pixels (no instance norm: it sees all)."""
    judge = PatchDiscriminator(in_channels=1, width=4, layers=layers)
    judge.layers = torch.nn.Sequential(
        *(m for m in judge.layers if not isinstance(m, torch.nn.InstanceNorm2d))
    )
    maps = torch.rand(1, 1, 256, 512, requires_grad=True)
    out = judge(maps)
    out[0, 0, out.shape[2] // 2, out.shape[3] // 2].backward()
    rows, cols = maps.grad[0, 0].abs().nonzero().T
    assert rows.max() - rows.min() + 1 == pixels
    assert cols.max() - cols.min() + 1 == pixels


def test_verdict_does_not_depend_on_the_batch():
    judge = PatchDiscriminator(width=4)
    maps = torch.rand(2, 4, 64, 128)
    torch.testing.assert_close(judge(maps)[:1], judge(maps[:1]))


def test_score_is_the_mean_logit_by_area():
    judge = PatchDiscriminator(in_channels=1, width=4)
    maps = torch.rand(3, 1, 64, 128)
    score = judge.score(maps)
    assert score.shape == (3,)
    with torch.no_grad():
        judge.layers[-1].conv.bias += 20
    torch.testing.assert_close(judge.score(maps), score + 20)


def test_only_what_counts_is_scored():
    """A patch that holds no counted pixel changes nothing; a label without any scores 0."""
    judge = PatchDiscriminator(in_channels=1, width=4, layers=2, instance_norm=False)
    maps = torch.rand(1, 1, 64, 128)
    lower = torch.zeros(1, 1, 64, 128, dtype=torch.bool)
    lower[..., 48:, :] = True
    changed = maps.clone()
    changed[..., :8, :] = 5  # 40 rows away: further than half a patch
    before = judge.score(maps, lower)
    torch.testing.assert_close(judge.score(changed, lower), before)
    assert not torch.allclose(judge.score(changed), judge.score(maps))
    assert judge.score(maps, torch.zeros_like(lower)).item() == 0


def test_spectral_norm_bounds_each_layer():
    judge = PatchDiscriminator(width=4, spectral_norm=True)
    judge.train()
    for _ in range(30):  # power iterations
        judge(torch.rand(1, 4, 64, 128))
    weight = judge.layers[0].conv.weight.detach().flatten(1)
    assert torch.linalg.matrix_norm(weight, 2).item() == pytest.approx(1, abs=0.02)


def test_wrong_channels():
    with pytest.raises(ValueError, match=r"expected \(b, 4, h, w\), got \(1, 3, 64, 128\)"):
        PatchDiscriminator()(torch.rand(1, 3, 64, 128))
    with pytest.raises(ValueError, match="in_channels is 4"):
        PatchDiscriminator(in_channels=3)


@pytest.fixture
def labelled():
    """A picture, its distance, what is known of it and what is far."""
    distance = 1 + 60 * torch.rand(2, 1, 16, 32)
    far = torch.rand(2, 1, 16, 32) > 0.8
    return torch.rand(2, 3, 16, 32), distance, torch.rand(2, 1, 16, 32) > 0.2, far


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_the_view_of_a_label(labelled, scale):
    """Picture in front, far at the top, unknown at 0, whatever stands there."""
    image, distance, known, far = labelled
    judge = PatchDiscriminator(width=4, scale=scale)
    view = judge.view(*labelled)
    assert view.shape == (2, 4, 16, 32)
    torch.testing.assert_close(view[:, :3], 2 * image - 1)
    maps = view[:, 3:]
    assert (maps[known & far] == 1).all()
    assert (maps[~known] == 0).all()
    near = known & ~far
    expected = normalize_distance(distance, near, scale)
    assert torch.equal(maps[near], expected[near])
    poisoned = distance.where(near, float("nan"))
    assert torch.equal(judge.view(image, poisoned, known, far), view)
    alone = PatchDiscriminator(in_channels=1, width=4, scale=scale).view(*labelled)
    assert torch.equal(alone, maps)


def test_a_factor_is_as_far_near_as_it_is_far_away_in_the_logarithm():
    distance = torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0, 400.0]).view(1, 1, 1, 6)
    valid = torch.tensor([True] * 5 + [False]).view(1, 1, 1, 6)
    out = normalize_distance(distance, valid, "log").flatten()
    torch.testing.assert_close(out[:5].diff(), torch.full((4,), 1 / 6))
    assert out[2] == 0.5
    assert out[5] == 0
    torch.testing.assert_close(normalize_distance(7 * distance, valid, "log").flatten(), out)


def test_normalize_distance_is_scale_free_up_to_the_near_end():
    distance = torch.linspace(1, 80, 32 * 64).view(1, 1, 32, 64)
    valid = torch.ones_like(distance, dtype=torch.bool)
    out = normalize_distance(distance, valid)
    assert out.max() == 1
    top = distance.quantile(0.98)
    torch.testing.assert_close(out, ((distance - 0.01) / (top - 0.01)).clamp(0.01, 1))


def test_nan_under_the_mask_changes_neither_value_nor_gradient():
    distance = 1 + 9 * torch.rand(2, 1, 16, 32)
    valid = torch.rand(2, 1, 16, 32) > 0.3
    results = []
    for poison in (5.0, float("nan")):
        leaf = distance.where(valid, poison).requires_grad_()
        out = normalize_distance(leaf, valid)
        out.square().sum().backward()
        results.append((out.detach(), leaf.grad))
    for clean, poisoned in zip(*results, strict=True):
        assert torch.equal(clean, poisoned)
        assert poisoned.isfinite().all()


def test_map_without_a_valid_pixel_is_zero():
    out = normalize_distance(torch.rand(1, 1, 4, 8), torch.zeros(1, 1, 4, 8, dtype=torch.bool))
    assert torch.equal(out, torch.zeros(1, 1, 4, 8))


@pytest.fixture
def label():
    shape = (2, 1, 64, 128)
    return torch.rand(2, 3, 64, 128), 1 + 9 * torch.rand(shape), torch.ones(shape).bool()


def test_one_verdict_for_each_cell_and_one_score_for_each_map(label):
    judge = EncoderDiscriminator(width=8)
    view = judge.view(*label, ~label[2])
    assert judge(view).shape == (2, 1, 8, 16)
    assert judge.score(view).shape == (2,)


@pytest.mark.parametrize("told", [True, False], ids=["set to train", "as built"])
def test_the_encoder_is_not_trained_and_keeps_its_statistics(label, told):
    judge = EncoderDiscriminator(width=8)
    if told:
        judge.train()
    before = {k: v.clone() for k, v in judge.encoder.state_dict().items()}
    judge(judge.view(*label, ~label[2])).mean().backward()
    trained = {n for n, p in judge.named_parameters() if p.grad is not None}
    assert trained == {n for n, _ in judge.named_parameters() if n.startswith("layers.")}
    assert all(torch.equal(v, before[k]) for k, v in judge.encoder.state_dict().items())


def test_it_looks_through_the_encoder_it_is_given(label):
    torch.manual_seed(0)
    judge, other = EncoderDiscriminator(width=8), build_encoder("efficientnet_lite0")
    view = judge.view(*label, ~label[2])
    before = judge(view)
    judge.copy_encoder(other)
    assert not torch.allclose(judge(view), before)
    weights = other.state_dict()
    assert all(torch.equal(v, weights[k]) for k, v in judge.encoder.state_dict().items())


def test_the_verdict_depends_on_picture_and_distance(label):
    image, distance, known = label
    judge = EncoderDiscriminator(width=8)
    one = judge(judge.view(image, distance, known, ~known))
    assert not torch.allclose(judge(judge.view(image.flip(-1), distance, known, ~known)), one)
    assert not torch.allclose(judge(judge.view(image, distance.flip(-1), known, ~known)), one)
