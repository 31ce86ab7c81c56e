"""A MODEL given on the command line becomes a network ready to run."""

import math
from pathlib import Path

import torch
import yaml
from torch import nn

import pano_models
from panodepth.errors import CommandError

DEFAULT_HEIGHT = 512  # DAP and the Depth Anywhere students; DA² works near it (546)


def load_network(model: str, device: torch.device) -> nn.Module:
    """Loads MODEL in eval mode on a device.

    Args:
        model: A training output folder, `official:<name>=FILE` or a hub id.
        device: Where it shall run.

    Raises:
        CommandError: There is no such model, or its files do not fit.
    """
    if model.startswith("runs/") and not Path(model).is_dir():
        raise CommandError(
            f"--model {model}: no such folder; train it first (uv run dvc repro) or give another"
        )
    try:
        network: nn.Module = pano_models.load(model)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise CommandError(f"--model {model} cannot be loaded: {error}") from error
    return network.eval().to(device)


def working_height(model: str, network: nn.Module) -> int:
    """The height in pixels a network wants its input at.

    In this order: the size it was trained at (`data.size` in the `config.yaml` of its folder), the
    one a published network was evaluated at (`native_size`), the largest area it runs at
    (`max_pixels`), 512.
    """
    config = Path(model) / "config.yaml"
    if config.is_file():
        size = (yaml.safe_load(config.read_text()) or {}).get("data", {}).get("size")
        if size:
            return int(size[0])
    native_size = getattr(network, "native_size", None)
    if native_size:
        return int(native_size[0])
    max_pixels = getattr(network, "max_pixels", None)
    return math.isqrt(max_pixels // 2) if isinstance(max_pixels, int) else DEFAULT_HEIGHT
