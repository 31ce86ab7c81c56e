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


@pytest.mark.parametrize("model", ["official:da2", "official:da2=", "official:"])
def test_published_checkpoint_without_a_file(model):
    with pytest.raises(pm.ModelNotFoundError, match="expected official:NAME=FILE"):
        pm.load(model)


def test_unknown_release(tmp_path):
    with pytest.raises(pm.ModelNotFoundError, match=r"no release 'da3'; known: .*da2"):
        pm.load(f"official:da3={tmp_path}")
