import pytest

from pano_geometry.spelling import ask_meant, find_meant

KNOWN = ("da2_paper", "da2_released", "DAP", "mean_ratio")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("da2_papr", "da2_paper"), ("DA2_paper", "da2_paper"), ("dapp", "DAP"), ("median", None)],
)
def test_a_slip_is_told_and_another_word_is_not(name: str, meant: str | None) -> None:
    assert find_meant(name, KNOWN) == meant
    assert ask_meant(name, KNOWN) == ("" if meant is None else f" (is {meant} meant?)")


def test_how_much_must_be_alike_is_the_callers_choice() -> None:
    assert find_meant("dapp", KNOWN, alike=0.87) is None


def test_nothing_is_like_no_name() -> None:
    assert ask_meant("", KNOWN) == ""
    assert ask_meant("da2_paper", ()) == ""
