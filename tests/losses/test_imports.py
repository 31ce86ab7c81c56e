"""The package's modules form layers, and its top level offers what others use."""

import subprocess
import sys

import grimp

import pano_losses


def test_no_module_imports_itself_through_others():
    graph = grimp.build_graph("pano_losses", exclude_type_checking_imports=True, cache_dir=None)
    circles = [
        graph.find_shortest_chain(imported, module)
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    ]
    assert not any(circles)


def test_every_name_of_the_top_level_is_there():
    assert [name for name in pano_losses.__all__ if not hasattr(pano_losses, name)] == []
    assert pano_losses.__version__.count(".") == 2


def test_the_package_costs_no_more_than_torch():
    """What `torchmetrics` imports, it imports for `ProtocolMetric` alone."""
    code = "import sys, pano_losses\nprint(*{name.partition('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "torch" in loaded
    slow = {"torchmetrics", "torchvision", "transformers", "scipy", "matplotlib", "lightning"}
    assert not loaded & slow
