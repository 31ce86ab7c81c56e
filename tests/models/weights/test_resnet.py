import pytest
import timm
import torch

import pano_models as pm


@pytest.fixture
def file(tmp_path):
    """A ResNet-18 as torchvision and timm store it, classifier included."""
    torch.manual_seed(5)
    path = tmp_path / "resnet18.pth"
    torch.save(timm.create_model("resnet18").state_dict(), path)
    return path


@pytest.mark.parametrize("form", [{}, {"equivariant": True}], ids=str)
def test_fills_both_encoders_and_nothing_else(file, form):
    model = pm.create("unifuse", **form)
    decoder = {k: v.clone() for k, v in model.decoder.state_dict().items()}
    report = pm.load_resnets(model, file)
    published = torch.load(file, weights_only=True)
    for encoder in (model.equi_encoder, model.cube_encoder):
        assert torch.equal(encoder.conv1.weight, published["conv1.weight"])
        assert torch.equal(encoder.layer4[1].conv2.weight, published["layer4.1.conv2.weight"])
    assert all(torch.equal(v, decoder[k]) for k, v in model.decoder.state_dict().items())
    assert set(report.dropped) == {"fc.weight", "fc.bias"}


def test_another_resnet_is_an_error(file):
    with pytest.raises(pm.CheckpointError, match="missing"):
        pm.load_resnets(pm.create("bifuse_plus"), file)


def test_network_without_resnet(file):
    with pytest.raises(ValueError, match="EGFormer has no ResNet encoder"):
        pm.load_resnets(pm.create("egformer", embed_dim=16), file)
