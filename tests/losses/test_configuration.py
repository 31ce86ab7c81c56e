"""The losses can be built from a values file, as the trainings do."""

import jsonargparse
import pytest

import pano_losses
from pano_losses import weighting

DAP = """
loss:
  class_path: pano_losses.WeightedSum
  init_args:
    terms:
      silog: {class_path: pano_losses.SILog, init_args: {weight: 1.0, variance_focus: 0.5}}
      df: {class_path: pano_losses.GramMatrixLoss, init_args: {size: 64}}
      grad: {class_path: pano_losses.EdgeSILog}
      normal: {class_path: pano_losses.NormalL1, init_args: {weighting:
          pano_losses.weighting.cos_latitude}}
      pts: {class_path: pano_losses.PointL1}
      mask: {class_path: pano_losses.RangeMask, init_args: {pixel_loss: bce}}
"""


def _parser():
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(pano_losses.WeightedSum, "loss")
    return parser


def test_the_dap_loss_is_built_from_yaml():
    parser = _parser()
    loss = parser.instantiate_classes(parser.parse_string(DAP)).loss
    assert isinstance(loss, pano_losses.WeightedSum)
    assert list(loss.terms) == ["silog", "df", "grad", "normal", "pts", "mask"]
    assert loss.terms["normal"].weighting is weighting.cos_latitude
    assert loss.terms["silog"].weighting is weighting.cos_latitude
    assert loss.terms["mask"].pixel_loss == "bce"
    assert loss.terms["df"].weight == 0.4


@pytest.mark.parametrize("wrong", ["pixel_loss: l1", "wieght: 2.0", "weighting: 3"])
def test_a_typo_is_an_error_that_names_the_key(wrong):
    text = DAP.replace("pixel_loss: bce", wrong)
    with pytest.raises(jsonargparse.ArgumentError, match=wrong.split(":")[0]):
        _parser().parse_string(text)
