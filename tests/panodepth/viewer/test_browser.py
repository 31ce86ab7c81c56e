"""The viewer's page in a real browser, by clicking. Skipped where there is no Chromium."""

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import ActionChains, Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait
from torch import nn

from pano_models import Predictor
from panodepth.viewer.command import make_drop_handler
from panodepth.viewer.server import ViewerServer

DRIVER, CHROMIUM = shutil.which("chromedriver"), shutil.which("chromium")
pytestmark = pytest.mark.skipif(not (DRIVER and CHROMIUM), reason="no chromium and chromedriver")
PATIENCE_S = 120.0
Save = Callable[..., Path]
SHOWN = "return !document.querySelector('main').hidden && document.querySelector('#message').hidden"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = CHROMIUM or ""
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1440,900",
        "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    ):  # fmt: skip
        options.add_argument(argument)
    with Chrome(options, ChromeService(DRIVER)) as browser:
        yield browser


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


def find(chromium: Chrome, selector: str) -> WebElement:
    return chromium.find_element(By.CSS_SELECTOR, selector)


def wait(chromium: Chrome, script: str) -> Any:
    return WebDriverWait(chromium, PATIENCE_S, 0.2).until(lambda b: b.execute_script(script))


def drop(chromium: Chrome, path: Path) -> None:
    chromium.execute_script("document.querySelector('#file').style.display = 'block'")
    find(chromium, "#file").send_keys(str(path))


def test_drop_look_read_and_turn(
    chromium: Chrome, url: str, save_panorama: Save, tmp_path: Path
) -> None:
    (tmp_path / "out" / "bad_prediction.json").write_text("{")
    chromium.get(url)
    assert "bad_prediction.json is not a record" in find(chromium, "#problems").text
    drop(chromium, save_panorama("room <!--<script>.png", height=128))
    wait(chromium, SHOWN)
    assert len(chromium.find_elements(By.CSS_SELECTOR, "#list button")) == 1
    assert "(m)" in find(chromium, "#about").text

    # The centre of the map looks along +z at a wall 2.5 m away.
    compare = find(chromium, "#compare")
    ActionChains(chromium).move_to_element(compare).perform()
    wait(chromium, "return document.querySelector('#readout').textContent.includes('lat')")
    assert "2.50 m" in find(chromium, "#readout").text

    ActionChains(chromium).drag_and_drop_by_offset(compare, 100, 0).perform()
    share = float(compare.get_attribute("data-share") or "nan")
    width = chromium.execute_script("return arguments[0].getBoundingClientRect().width", compare)
    assert share == pytest.approx(0.5 + 100 / width, abs=0.02)

    picture = "scene.draw(); return document.querySelector('#scene').toDataURL()"
    before = chromium.execute_script(picture)
    for selector in ("input[value=points]", "#outside", "#tint"):
        find(chromium, selector).click()
    assert chromium.execute_script("return scene.shape") == "points"
    assert chromium.execute_script(picture) != before

    links = chromium.find_elements(By.CSS_SELECTOR, "#downloads a")
    assert [link.text for link in links] == ["npy", "png16", "ply", "glb"]
    assert [e for e in chromium.get_log("browser") if e["level"] == "SEVERE"] == []


def test_a_refused_file_is_told_and_what_was_shown_stays(
    chromium: Chrome, url: str, save_panorama: Save
) -> None:
    chromium.get(url)
    drop(chromium, save_panorama("room.png"))
    wait(chromium, SHOWN)
    find(chromium, "#file").send_keys(str(save_panorama("flat/room.png", width=90)))
    wait(chromium, "return document.querySelector('#message').className === 'error'")
    assert "got 90x64" in find(chromium, "#message").text
    chromium.get(url)
    wait(chromium, SHOWN)
    assert "room · 128×64" in find(chromium, "#about").text
