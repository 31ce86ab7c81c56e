import pytest
import torch

from pano_models import EncoderDiscriminator
from pano_models.backbones.encoders import build_encoder


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
    judge.look_through(other)
    assert not torch.allclose(judge(view), before)
    weights = other.state_dict()
    assert all(torch.equal(v, weights[k]) for k, v in judge.encoder.state_dict().items())


def test_the_verdict_depends_on_picture_and_distance(label):
    image, distance, known = label
    judge = EncoderDiscriminator(width=8)
    one = judge(judge.view(image, distance, known, ~known))
    assert not torch.allclose(judge(judge.view(image.flip(-1), distance, known, ~known)), one)
    assert not torch.allclose(judge(judge.view(image, distance.flip(-1), known, ~known)), one)
