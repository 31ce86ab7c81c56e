"""Miniatures of the analytic room for the tests of readers."""

from pano_data import datasets
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio


def build(name, root, **kwargs):
    """Write a miniature under an open sky; panoramas are 32x64 unless said otherwise."""
    spec = datasets.get(name)
    if spec.projection == "erp":
        kwargs.setdefault("size", (32, 64))
    miniatures.write(name, root, studio=BoxStudio(open_top=True), **kwargs)
    return spec
