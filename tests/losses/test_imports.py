"""The package's modules form layers, and its top level offers what others use."""

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
