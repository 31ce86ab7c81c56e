import pytest
import torch

import pano_models as pm


def test_create_records_every_option(tiny_da2):
    spec = pm.create("da2", **tiny_da2).spec
    assert spec.name == "da2"
    assert spec.config["width"] == 32
    assert spec.config["precision"] == "float32"  # a default, recorded all the same


def test_create_from_spec_gives_the_same_network(tiny_da2):
    first = pm.create("da2", **tiny_da2)
    second = pm.create(first.spec.name, **first.spec.config)
    shapes = [{k: v.shape for k, v in m.state_dict().items()} for m in (first, second)]
    assert shapes[0] == shapes[1]


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(pm.ModelNotFoundError, match=r"no model 'da3'.*da2"):
        pm.create("da3")


def test_unknown_option_is_named(tiny_da2):
    with pytest.raises(ValueError, match=r"no option widht; options: .*width"):
        pm.create("da2", **tiny_da2, widht=3)


def test_name_is_taken_once():
    with pytest.raises(ValueError, match="registered already"):
        pm.register("da2")(torch.nn.Module)
