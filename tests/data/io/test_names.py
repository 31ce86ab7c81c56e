"""Names that would leave their folder."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pano_data.errors import DataError
from pano_data.io.names import inside, is_inside

OUTSIDE = [
    "", "..", "../a", "a/../../b", "a/..", "/etc/x", "\\\\host\\x", "..\\x", "a\\..\\b", "C:/x",
    "c:\\x", "a\0b",
]  # fmt: skip
INSIDE = ["a", "a/b", "a..b", "..a", "a../b", "scan/0001", "C:a", "ü/…", ".hidden", "a\nb"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_leaves_a_folder_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="stays below out"):
        inside("out", name)


@pytest.mark.parametrize("name", INSIDE)
def test_what_stays_is_joined(name: str) -> None:
    assert inside("out", name) == Path("out") / name


@given(st.lists(st.sampled_from(["..", ".", "/", "\\", "a", "C:", "\0", "b c", "~"]), max_size=8))
def test_whatever_is_let_through_lies_below(pieces: list[str]) -> None:
    name = "".join(pieces)
    if is_inside(name):
        root = Path("/canary/root")
        assert (root / name).resolve().is_relative_to(root)
        assert "\0" not in name
