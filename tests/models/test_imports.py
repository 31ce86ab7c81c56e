"""What an import brings along, at run time and in the static graph that decides what is re-run."""

import subprocess
import sys

import grimp
import pytest

import pano_models as pm
from pano_models.registry import NETWORKS

MODULES = {name: entry.partition(":")[0] for name, entry in NETWORKS.items()}
OTHERS = ["timm", "torchvision", "transformers", "kornia", "huggingface_hub"]
BUILD_DA2 = """
import sys
import pano_models
first = sorted(sys.modules)
pano_models.create("da2", backbone_options=dict(embed_dim=48, depth=4, num_heads=3), width=32)
print("\\n".join(first), "--", "\\n".join(sorted(sys.modules)), sep="\\n")
"""


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("pano_models", exclude_type_checking_imports=True, cache_dir=None)


@pytest.fixture(scope="module")
def loaded():
    """Modules after `import pano_models`, and after building DA² as well."""
    out = subprocess.run(
        [sys.executable, "-c", BUILD_DA2], check=True, capture_output=True, text=True
    ).stdout
    first, _, then = out.partition("--")
    return set(first.split()), set(then.split())


def test_the_package_imports_no_network_and_nothing_heavy(loaded):
    assert not loaded[0] & {*MODULES.values(), *OTHERS}
    assert not any(name.startswith("pano_models.backbones") for name in loaded[0])


def test_building_one_network_imports_no_other(loaded):
    assert loaded[1] & set(MODULES.values()) == {MODULES["da2"]}
    assert not loaded[1] & {"transformers", "kornia"}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_depends_on_the_code_of_no_other(name, graph):
    closure = graph.find_upstream_modules(MODULES[name])
    closure |= graph.find_upstream_modules("pano_models")
    known = {"fusion_baseline": set(), "dap": {MODULES["range_masked"]}}  # DAP has a range head
    assert closure & set(MODULES.values()) - {MODULES[name]} == known.get(name, set())


def test_no_module_imports_itself_through_others(graph):
    """Each is named with the modules on the way round."""
    circles = {}
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            way = graph.find_shortest_chain(imported, module)
            if way:
                circles[module] = way
    assert not circles


def test_every_name_of_the_top_level_is_there():
    assert set(pm.__all__) <= set(dir(pm))
    missing = [name for name in pm.__all__ if not hasattr(pm, name)]
    assert not missing


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_a_name_of_the_top_level(name):
    network = getattr(pm, NETWORKS[name].partition(":")[2])
    assert pm.name_of(network) == name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"'pano_models' has no attribute 'DA3'"):
        _ = pm.DA3
