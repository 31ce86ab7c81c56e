"""docs/protocols.md says what the code does."""

import importlib.util
from pathlib import Path

import pytest

from pano_losses import protocols

ROOT = Path(__file__).parents[2]


def _script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_parts_are_up_to_date():
    page = (ROOT / "docs" / "protocols.md").read_text()
    made = _script("write_protocols").filled(page)
    assert made == page, "run `python scripts/write_protocols.py`"


def test_every_protocol_is_described_and_scored():
    page = (ROOT / "docs" / "protocols.md").read_text()
    for name, rules in protocols.items():
        assert page.count(f"`{name}`") >= 2
        assert rules.source in page
        assert all(d[1:] in page for d in rules.known_defects)


def test_a_page_without_markers_is_an_error():
    with pytest.raises(ValueError, match="expected both markers"):
        _script("write_protocols").replaced("nothing here", "rules", "text")
