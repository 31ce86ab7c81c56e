import re
import subprocess
import sys

import pytest

from pano_models.weights.published import PUBLISHED, published


def test_entries_are_unique_and_well_formed():
    assert len({e.name for e in PUBLISHED}) == len(PUBLISHED)
    for entry in PUBLISHED:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", entry.repository)
        assert entry.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
        assert entry.licence or entry.note


def test_every_release_has_an_entry_with_its_terms():
    """What `load_official` logs beside the weights."""
    code = "import pano_models; print(*pano_models.release_names())"  # panodepth registers more
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) <= {entry.name for entry in PUBLISHED}
    assert all(re.fullmatch(r"[0-9a-f]{7,40}", e.revision) for e in PUBLISHED if e.revision)


def test_lookup():
    assert published("dap").file == "model.pth"
    with pytest.raises(KeyError, match="no published weights 'x'"):
        published("x")
