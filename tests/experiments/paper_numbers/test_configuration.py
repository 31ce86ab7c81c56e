"""What a values file resolves to, with the defaults of the classes that it names."""

from pathlib import Path

import pytest

from experiments.paper_numbers.configuration import constant, parts, read_configuration
from tests.experiments.tiny import ROOT


def test_places_with_what_trainings_share_and_what_they_leave_open(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(
        "common: {data: {size: [2, 4], flag: true}, trainer: {devices: 8}}\n"
        "da2: {trainer: {devices: 1}, model: {init_args: {net: {init_args: {width: 512}}}}}\n"
        "dap_curate: {keep: {indoor: 3}, by: score, judge: null}\n"
        "dap_x: {terms: [{class_path: pano_losses.RangeMask, init_args: {weight: 3.0}}]}\n"
        "report: {models: [], size: 7}\n"
    )
    found = read_configuration(tmp_path / "params.yaml")
    assert found.numbers == {
        "da2.data.size": [2, 4], "da2.trainer.devices": 1, "da2.model.net.width": 512,
        "dap_curate.keep.indoor": 3, "dap_x.terms.0.weight": 3.0,
    }  # fmt: skip
    assert found.words == {
        "da2.data.flag": True, "dap_curate.by": "score", "dap_curate.judge": None,
        "dap_x.terms.0.class_path": "pano_losses.RangeMask",
    }  # fmt: skip
    assert found.defaults["dap_x.terms.0.dice_weight"] == 0.5
    assert found.defaults["dap_x.terms.0.weighting"] == "pano_losses.weighting.cos_latitude"
    assert "dap_x.terms.0.weight" not in found.defaults
    assert found.at("d*.terms.?.*weight") == {
        "dap_x.terms.0.weight": 3.0, "dap_x.terms.0.dice_weight": 0.5,
    }  # fmt: skip


def test_a_constant_is_found_through_attributes_and_keys() -> None:
    assert constant("pano_losses:protocols.da2_paper.id") == "da2_paper"
    assert constant("pano_data.masks.grounded:PROMPTS") == ["sky", "watermark"]
    with pytest.raises(KeyError):
        constant("pano_losses:protocols.no_such.id")
    with pytest.raises(AttributeError):
        constant("pano_losses:no_such")


def test_parts_of_the_network_of_a_section_are_counted() -> None:
    assert parts(ROOT / "params.yaml", "da2.attention") == 4
