from pathlib import Path

from benchmarks.pages import BY_HAND, write_page


def test_what_was_written_by_hand_stays(tmp_path: Path) -> None:
    page = tmp_path / "new" / "speed.md"
    write_page(page, "# Speed", "| a |")
    assert page.read_text() == f"# Speed\n\n| a |\n\n{BY_HAND}\n"
    page.write_text(page.read_text() + "\nA reason.\n")
    write_page(page, "# Speed, again")
    assert page.read_text() == f"# Speed, again\n\n{BY_HAND}\n\nA reason.\n"
