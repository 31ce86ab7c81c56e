"""Networks by the name of their training."""

from torch import nn

import pano_models
from experiments.pipeline.run_folder import FINISHED


def load(name: str, device: str) -> nn.Module:
    """The network of a training under `runs/`, or of a MODEL of `pano_models.load`, ready to run."""
    folder = FINISHED / name
    return pano_models.load(str(folder) if folder.is_dir() else name).eval().to(device)
