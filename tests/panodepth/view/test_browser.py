"""The viewer's page in a real browser, by clicking. Skipped where there is no Chromium."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from torch import nn

from pano_models import Predictor
from panodepth.view.command import make_drop_handler
from panodepth.view.server import ViewerServer
from tests.panodepth.view.web_driver import CHROMIUM, DRIVER, Chromium

pytestmark = pytest.mark.skipif(not (DRIVER and CHROMIUM), reason="no chromium and chromedriver")
Save = Callable[..., Path]
SHOWN = "return !document.querySelector('main').hidden && document.querySelector('#message').hidden"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    browser = Chromium(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def url(tmp_path: Path, box_room: nn.Module) -> Iterator[str]:
    folder = tmp_path / "out"
    folder.mkdir()
    handler = make_drop_handler(Predictor(box_room, (64, 128)), "box", folder)
    with ViewerServer(("127.0.0.1", 0), folder, "box", handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()


def test_drop_look_read_and_turn(
    chromium: Chromium, url: str, save_panorama: Save, tmp_path: Path
) -> None:
    (tmp_path / "out" / "bad_prediction.json").write_text("{")
    chromium.open(url)
    assert "bad_prediction.json is not a record" in chromium.run(
        "return document.querySelector('#problems').textContent"
    )
    chromium.run("document.querySelector('#file').style.display = 'block'")
    chromium.type("#file", str(save_panorama("room <!--<script>.png", height=128)))
    chromium.wait(SHOWN)
    assert chromium.run("return document.querySelectorAll('#list button').length") == 1
    assert "(m)" in chromium.run("return document.querySelector('#about').textContent")

    # The centre of the map looks along +z at a wall 2.5 m away.
    chromium.move("#compare", 0, 0)
    readout = chromium.wait("return document.querySelector('#readout').textContent.includes('lat') "
                            "&& document.querySelector('#readout').textContent")  # fmt: skip
    assert "2.50 m" in readout

    chromium.move("#compare", 0, 0, drag_to=(100, 0))
    share = chromium.run("return +document.querySelector('#compare').dataset.share")
    width = chromium.run("return document.querySelector('#compare').getBoundingClientRect().width")
    assert share == pytest.approx(0.5 + 100 / width, abs=0.02)

    picture = "return document.querySelector('#scene').toDataURL()"
    before = chromium.run("scene.draw(); " + picture)
    chromium.click("input[value=points]")
    chromium.click("#outside")
    chromium.click("#tint")
    assert chromium.run("return scene.shape") == "points"
    assert chromium.run("scene.draw(); " + picture) != before

    links = chromium.run(
        "return [...document.querySelectorAll('#downloads a')].map(a => a.textContent)"
    )
    assert links == ["npy", "png16", "ply", "glb"]
    assert chromium.errors() == []


def test_a_refused_file_is_told_and_what_was_shown_stays(
    chromium: Chromium, url: str, save_panorama: Save
) -> None:
    chromium.open(url)
    chromium.run("document.querySelector('#file').style.display = 'block'")
    chromium.type("#file", str(save_panorama("room.png")))
    chromium.wait(SHOWN)
    chromium.type("#file", str(save_panorama("flat/room.png", width=90)))
    message = chromium.wait("const m = document.querySelector('#message'); "
                            "return m.className === 'error' && m.textContent")  # fmt: skip
    assert "got 90x64" in message
    chromium.open(url)
    chromium.wait(SHOWN)
    assert "room · 128×64" in chromium.run("return document.querySelector('#about').textContent")
