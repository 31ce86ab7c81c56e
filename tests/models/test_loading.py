import pytest
import torch

import pano_models as pm


@pytest.fixture
def folder(tmp_path, tiny_da2):
    model = pm.create("da2", **tiny_da2)
    return model, pm.save(model, tmp_path / "da2")


def test_model_that_was_not_created_cannot_be_saved(tmp_path, tiny_da2):
    with pytest.raises(ValueError, match=r"pano_models\.create"):
        pm.save(pm.DA2(**tiny_da2), tmp_path)


def test_module_of_another_kind_cannot_be_saved(tmp_path):
    with pytest.raises(ValueError, match=r"from pano_models\.create .* got a Linear"):
        pm.save(torch.nn.Linear(2, 2), tmp_path)


def test_compiled_network_is_saved_as_itself(folder, tmp_path):
    model, _ = folder
    path = pm.save(torch.compile(model, backend="eager"), tmp_path / "compiled")
    assert pm.load(path).spec == model.spec


def test_options_fit_published_checkpoints_only(folder):
    with pytest.raises(ValueError, match=r"options \['faithful'\] fit official"):
        pm.load(folder[1], faithful=True)


@pytest.mark.parametrize("model", ["official:=x", "official:da2=", "official:"])
def test_published_checkpoint_without_a_name_or_file(model):
    with pytest.raises(pm.ModelNotFoundError, match="expected official:NAME or"):
        pm.load(model)


def test_unknown_release(tmp_path):
    with pytest.raises(pm.ModelNotFoundError, match=r"no release 'da3'; known: .*da2"):
        pm.load(f"official:da3={tmp_path}")


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("pano_smal", r"'pano_smal' \(is pano_small meant\?\); expected pano_small, "),
        ("Unifusee", r"\(is official:unifuse meant\?\)"),
        ("official:da22", r"no release 'da22' \(is da2 meant\?\); known: "),
        ("zebra", "no model and no folder 'zebra'; expected pano_small"),
        ("./absent", "no folder ./absent, expected that of a training"),
        ("net.ckpt", "net.ckpt is a file, expected the folder of a training"),
    ],
)
def test_a_name_that_is_none_is_told_with_the_one_that_is_meant(model, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.ckpt").write_bytes(b"weights")
    with pytest.raises(pm.ModelNotFoundError, match=said):
        pm.load(model)


@pytest.fixture
def trained(tmp_path, tiny_da2):
    model = pm.create("da2", **tiny_da2)
    return pm.load(pm.save(model, tmp_path / "da2", native_size=(28, 56)))


def test_infer_runs_at_the_trained_size_without_gradients(trained):
    rgb = torch.rand(3, 40, 80)
    seen = []
    trained.register_forward_hook(lambda network, inputs, maps: seen.append(inputs[0].shape))
    trained.train()
    maps = trained.infer(rgb)
    assert seen == [(1, 3, 28, 56)]
    assert maps.values.shape == (1, 1, 40, 80)
    assert not maps.values.requires_grad
    assert not trained.training
    assert torch.equal(maps.values, pm.Predictor(trained)(rgb[None]).values)
    assert trained.infer((rgb[None] * 255).byte()).values.shape == (1, 1, 40, 80)


def test_forward_at_another_size_than_trained_warns_once(trained, recwarn):
    trained(torch.rand(1, 3, 28, 56))
    trained.infer(torch.rand(3, 56, 112))
    assert not recwarn
    with pytest.warns(UserWarning, match=r"trained at 28x56 and sees 56x112.*infer"):
        trained(torch.rand(1, 3, 56, 112))
    recwarn.clear()
    trained(torch.rand(1, 3, 42, 84))
    assert not recwarn


def test_a_size_that_was_asked_for_does_not_warn(trained, recwarn):
    pm.Predictor(trained, (56, 112))(torch.rand(1, 3, 40, 80))
    assert not recwarn
