import pytest
import torch

import pano_models as pm


def test_save_and_from_pretrained(tmp_path, tiny_da2, stir):
    model = stir(pm.create("da2", **tiny_da2))
    model.save_pretrained(tmp_path)
    again = pm.DA2.from_pretrained(tmp_path)
    rgb = torch.rand(1, 3, 70, 140)
    assert torch.equal(
        again(rgb)["distance_scale_invariant"], model(rgb)["distance_scale_invariant"]
    )


def test_any_class_reads_through_the_base(tmp_path, tiny_da2):
    pm.create("da2", **tiny_da2).save_pretrained(tmp_path)
    assert type(pm.DepthModel.from_pretrained(tmp_path)) is pm.DA2


def test_another_class_is_refused(tmp_path, tiny_da2):
    pm.create("da2", **tiny_da2).save_pretrained(tmp_path)
    with pytest.raises(pm.CheckpointError, match="holds a DA2, not a DAP"):
        pm.DAP.from_pretrained(tmp_path)
