"""Draw `docs/predictions.jpg`: what the networks of the last `make repro` see, beside the truth.

`python scripts/draw_predictions.py` reads `reports/gallery`, which the stage `gallery` writes.
"""

import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from PIL import Image

GALLERY, OUT = Path("reports/gallery"), Path("docs/predictions.jpg")
ROWS = (("stanford2d3d", 1), ("stanford2d3d", 3), ("deep360", 0), ("deep360", 2))
"""Data set and place in it, which goes from near to far."""
COLUMNS = {
    "picture": "panorama",
    "truth": "truth",
    "da2": "DA²",
    "depth_anywhere_unifuse": "UniFuse",
    "dap": "DAP",
    "pano_small": "pano_small",
}


def main() -> None:
    """Write the sheet."""
    index: dict[str, list[dict[str, Any]]] = json.loads((GALLERY / "index.json").read_text())
    figure, axes = plt.subplots(len(ROWS), len(COLUMNS), figsize=(14.4, 5.2), layout="constrained")
    for row, (dataset, place) in zip(axes, ROWS, strict=True):
        entry = index[dataset][place]
        for axis, tile in zip(row, COLUMNS, strict=True):
            axis.imshow(Image.open(GALLERY / entry["tiles"][tile]), aspect="auto")
            axis.set_axis_off()
            if tile in entry["scores"]:
                absrel = entry["scores"][tile]["absrel"]
                axis.text(0.02, 0.06, f"{absrel:.2f}", transform=axis.transAxes, color="white")
    for axis, title in zip(axes[0], COLUMNS.values(), strict=True):
        axis.set_title(title, fontsize=11)
    figure.savefig(OUT, dpi=100, pil_kwargs={"quality": 82})


if __name__ == "__main__":
    main()
