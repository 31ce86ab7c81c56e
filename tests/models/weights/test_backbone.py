import pytest
import timm
import torch
from safetensors.torch import save_file

import pano_models as pm
from pano_models.weights import da2, dap

RGB = torch.rand(1, 3, 70, 140)


def vit_state(model):
    return dict(model.backbone.vit.state_dict())


def test_timm_names(tmp_path, tiny_da2):
    torch.manual_seed(1)
    vit = timm.create_model(
        tiny_da2["backbone"], num_classes=0, **{**tiny_da2["backbone_options"], "depth": 6}
    )
    save_file(vit.state_dict(), tmp_path / "vit.safetensors")
    model = pm.create("da2", backbone_weights=tmp_path / "vit.safetensors", **tiny_da2)
    assert torch.equal(model.backbone.vit.blocks[2].mlp.fc1.weight, vit.blocks[2].mlp.fc1.weight)
    assert {n.split(".")[1] for n in model.load_report.dropped} == {"4", "5"}


def test_saved_folder_needs_the_first_weights_no_more(tmp_path, tiny_da2):
    vit = timm.create_model(tiny_da2["backbone"], num_classes=0, **tiny_da2["backbone_options"])
    first = tmp_path / "vit.safetensors"
    save_file(vit.state_dict(), first)
    model = pm.create("da2", backbone_weights=str(first), **tiny_da2).eval()
    pm.save(model, tmp_path / "run")
    first.unlink()
    again = pm.load(tmp_path / "run")
    assert torch.equal(
        again(RGB)["distance_scale_invariant"], model(RGB)["distance_scale_invariant"]
    )


@pytest.mark.parametrize("name", ["da2", "dap"])
def test_metas_names(tmp_path, name, request, stir):
    tiny = request.getfixturevalue(f"tiny_{name}")
    prefix = {"da2": "dino.", "dap": dap.VIT}[name]
    source = stir(pm.create(name, **tiny, faithful=True))
    published = pm.export_official(source)
    state = {k.removeprefix(prefix): v for k, v in published.items() if k.startswith(prefix)}
    torch.save(state, tmp_path / "dino.pth")
    model = pm.create(name, backbone_weights=tmp_path / "dino.pth", **tiny)
    for key, value in vit_state(source).items():
        assert torch.equal(vit_state(model)[key], value), key
    assert all(
        "of the self-supervised head, or a constant" in r
        for r in model.load_report.dropped.values()
    )


SMALL = {"embed_dim": 48, "depth": 4, "num_heads": 3, "img_size": 70}


def test_transformer_without_layer_scale(tmp_path):
    """AugReg's and DeiT's weights have none; here it starts at 1, which changes nothing."""
    torch.manual_seed(1)
    vit = timm.create_model("vit_tiny_patch16_224", num_classes=0, **SMALL).eval()
    torch.save(vit.state_dict(), tmp_path / "vit.pth")
    options = {"backbone": "vit_tiny_patch16_224", "backbone_options": SMALL}
    model = pm.create("da2", width=32, heads=2, backbone_weights=tmp_path / "vit.pth", **options)
    image = torch.rand(1, 3, 70, 70)
    expected = vit.forward_features(image)[:, 1:]
    # DA²'s norms have another epsilon
    torch.testing.assert_close(model.eval().backbone(image)[-1], expected, atol=1e-3, rtol=0)


def metas_names(vit):
    """What Meta's DINOv2 file of `vit` holds: other names, registers, a class token's position."""
    state = {
        n.replace("mlp.fc1", "mlp.w12").replace("mlp.fc2", "mlp.w3") if "giant" in vit else n: t
        for n, t in timm.create_model(vit, num_classes=0, **SMALL).state_dict().items()
    }
    if "reg_token" in state:
        state["register_tokens"] = state.pop("reg_token")
        state["pos_embed"] = torch.cat([torch.ones(1, 1, 48), state["pos_embed"]], 1)
    return {**state, "mask_token": torch.zeros(1, 48)}


@pytest.mark.parametrize("name", ["vit_giant_patch14_dinov2", "vit_small_patch14_reg4_dinov2"])
def test_metas_other_transformers(tmp_path, name):
    torch.manual_seed(1)
    state = metas_names(name)
    torch.save(state, tmp_path / "dino.pth")
    options = {"backbone": name, "backbone_options": SMALL, "width": 32, "heads": 2}
    vit = pm.create("da2", backbone_weights=tmp_path / "dino.pth", **options).backbone.vit
    if "giant" in name:
        assert torch.equal(vit.blocks[1].mlp.fc1.weight, state["blocks.1.mlp.w12.weight"])
        assert torch.equal(vit.blocks[1].mlp.fc2.bias, state["blocks.1.mlp.w3.bias"])
    else:
        assert torch.equal(vit.reg_token, state["register_tokens"])
        assert torch.equal(vit.cls_token, state["cls_token"] + 1)
        assert torch.equal(vit.pos_embed, state["pos_embed"][:, 1:])


def test_positions_of_another_grid_are_resized(tmp_path, tiny_da2):
    square = {**tiny_da2["backbone_options"], "img_size": 98}
    vit = timm.create_model(tiny_da2["backbone"], num_classes=0, **square)
    with torch.no_grad():
        vit.pos_embed.fill_(0.25)
    save_file(vit.state_dict(), tmp_path / "vit.safetensors")
    model = pm.create("da2", backbone_weights=tmp_path / "vit.safetensors", **tiny_da2)
    torch.testing.assert_close(model.backbone.vit.pos_embed.detach(), torch.full((1, 51, 48), 0.25))


def test_transformer_of_another_width(tmp_path, tiny_da2):
    other = {**tiny_da2["backbone_options"], "embed_dim": 96}
    vit = timm.create_model(tiny_da2["backbone"], num_classes=0, **other)
    save_file(vit.state_dict(), tmp_path / "vit.safetensors")
    with pytest.raises(pm.CheckpointError, match="another shape"):
        pm.create("da2", backbone_weights=tmp_path / "vit.safetensors", **tiny_da2)


def test_network_without_a_transformer(tmp_path):
    model = pm.create("unifuse", backbone="resnet10t", width=0.125, fusion="none")
    with pytest.raises(ValueError, match="no transformer backbone"):
        pm.load_backbone(model, tmp_path / "none.pth")


def test_prefix_names_are_those_of_the_releases():
    assert da2.KEYS.to_ours("dino.cls_token") == "backbone.vit.cls_token"
    assert dap.KEYS.to_ours(dap.VIT + "cls_token") == "backbone.vit.cls_token"
