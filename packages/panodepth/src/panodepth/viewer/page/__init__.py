"""The web viewer's page: our own HTML, CSS and JavaScript, served or written as one file."""

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from matplotlib import colormaps

from panodepth.outputs.preview import COLORMAP


def render_page(
    entries: list[dict[str, Any]], about: str, accepts: bool, problems: Sequence[str] = ()
) -> str:
    """The page as one HTML text that loads nothing but what its entries name.

    Args:
        entries: What `make_entry` makes.
        about: Shown while there is no entry.
        accepts: Whether panoramas can be dropped on it.
        problems: A line about each prediction that cannot be shown.
    """
    folder = files(__name__)
    parts = {name: (folder / name).read_text("utf-8") for name in ("page.html", "style.css")}
    scripts = ("colours.js", "scene.js", "measure.js", "main.js")
    script = "\n".join((folder / name).read_text("utf-8") for name in scripts)
    colours = np.rint(colormaps[COLORMAP](np.arange(256))[:, :3] * 255).astype(int).ravel()
    data = {
        "entries": entries,
        "about": about,
        "accepts": accepts,
        "colours": colours.tolist(),
        "problems": list(problems),
    }
    # `</script>` and `<!--<script>` in a name must not be read as HTML.
    safe = json.dumps(data, allow_nan=False).replace("<", "\\u003c")
    text = parts["page.html"].replace("/*STYLE*/", parts["style.css"])
    return text.replace("/*SCRIPT*/", script).replace("/*DATA*/", safe)
