import pytest
import torch
from torch import nn

import pano_models as pm
from pano_models.inputs import IMAGENET_MEAN, RgbInput
from pano_models.storage.state_dict import KeyMap, LoadReport, build_and_fill, fill, with_prefix

KEYS = KeyMap(
    (
        ("dino.mask_token", "unused.mask_token"),
        ("dino.blocks.#.ls#.gamma", "vit.blocks.#.gamma_#"),
        ("dino.*", "vit.*"),
        *with_prefix("head.", "", [("up.#.conv.*", "stage.#.merge.*")]),
    )
)


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ("dino.mask_token", "unused.mask_token"),
        ("dino.blocks.12.ls1.gamma", "vit.blocks.12.gamma_1"),
        ("dino.blocks.0.attn.qkv.weight", "vit.blocks.0.attn.qkv.weight"),
        ("head.up.2.conv.bias", "stage.2.merge.bias"),
    ],
)
def test_one_table_reads_both_ways(published, ours):
    assert KEYS.to_ours(published) == ours
    assert KEYS.to_published(ours) == published


@pytest.mark.parametrize("name", ["head.up.x.conv.bias", "dinoXmask_token", "optimizer.lr"])
def test_names_that_no_rule_knows(name):
    assert KEYS.to_ours(name) is None


def linear():
    return nn.ModuleDict({"used": nn.Linear(2, 3), "spare": nn.Linear(2, 1)})


def state():
    return {k: torch.rand_like(v) for k, v in linear().state_dict().items()}


def test_values_arrive():
    model, values = linear(), state()
    assert fill(model, values) == ()
    assert all(torch.equal(v, values[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"used.bias": None}, "missing: used.bias"),
        ({"other": torch.ones(1)}, "unexpected: other"),
        ({"used.bias": torch.ones(4)}, r"another shape: used.bias \(4,\) \(expected \(3,\)\)"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_copied(change, message):
    model = linear()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    values = {k: v for k, v in {**state(), **change}.items() if v is not None}
    with pytest.raises(pm.CheckpointError, match=message):
        fill(model, values)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_weights_that_are_not_finite_are_named_and_nothing_is_copied(value, dtype):
    model = linear()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    values = {k: v.to(dtype) for k, v in state().items()}
    values["used.weight"][1, 0] = value
    values["spare.bias"][0] = value
    expected = r"used\.weight \(1 of 6 values\), spare\.bias \(1 of 1 values\).*expected finite"
    with pytest.raises(pm.CheckpointError, match=expected):
        fill(model, values)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_opposite_infinities_do_not_cancel():
    values = state()
    values["used.weight"][0, 0], values["used.weight"][0, 1] = float("inf"), -float("inf")
    with pytest.raises(pm.CheckpointError, match="2 of 6 values"):
        fill(linear(), values)


def test_finite_weights_whose_sum_overflows_are_taken():
    values = state()
    values["used.weight"] = torch.full((3, 2), 3e38)
    model = linear()
    fill(model, values)
    assert torch.equal(model["used"].weight, values["used.weight"])


def test_only_what_is_never_used_may_be_missing():
    values = {k: v for k, v in state().items() if k.startswith("used")}
    assert fill(linear(), values, never_used=("spare.",)) == ("spare.weight", "spare.bias")
    with pytest.raises(pm.CheckpointError, match=r"missing: spare\.weight, spare\.bias"):
        fill(linear(), values)


def test_long_lists_are_counted():
    with pytest.raises(pm.CheckpointError, match=r"\.\.\. \(4 in all\)"):
        fill(linear(), {})


def test_building_without_memory_restores_constants_and_flags():
    def build():
        model = nn.ModuleDict(
            {"input": RgbInput(), "spare": nn.Linear(2, 2), "head": nn.Linear(2, 1)}
        )
        model["spare"].requires_grad_(False)
        return model

    values = {"head.weight": torch.ones(1, 2), "head.bias": torch.ones(1)}
    model, absent = build_and_fill(build, values, never_used=("spare.",))
    assert absent == ("spare.weight", "spare.bias")
    assert model["input"].mean.flatten().tolist() == pytest.approx(IMAGENET_MEAN)
    assert model["spare"].weight.abs().sum() == 0
    assert not model["spare"].weight.requires_grad
    assert model["head"].weight.requires_grad


def test_report_reads_as_a_sentence():
    report = LoadReport({"a": "a constant", "b": "a constant", "c": "of the head"}, ("d",))
    assert str(report) == "2 dropped: a constant; 1 dropped: of the head; 1 absent and never used"
    assert str(LoadReport()) == "every tensor used"


def test_constants_that_cannot_be_rewritten_are_built_in_the_ordinary_way():
    class Table(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(2))
            self.register_buffer("table", torch.arange(3.0), persistent=False)

    model, _ = build_and_fill(Table, {"weight": torch.ones(2)})
    assert model.table.tolist() == [0, 1, 2]
    assert model.weight.tolist() == [1, 1]
