"""The viewer's page in a real browser, by clicking. Skipped where there is no Chromium."""

import base64
import io
import math
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver import ActionChains, Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait
from torch import nn

from pano_models import Predictor
from panodepth.outputs.records import save_prediction
from panodepth.prediction import PredictedMap
from panodepth.viewer.command import make_drop_handler
from panodepth.viewer.entries import make_embedded_entry, make_entries
from panodepth.viewer.page import render_page
from panodepth.viewer.server import ViewerServer
from tests.panodepth.conftest import box_distance

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


def _length(chromium: Chrome) -> float:
    return float(find(chromium, "#length").text.split()[0])


def test_two_clicked_points_give_a_length_in_the_map_and_in_3d(
    chromium: Chrome, url: str, save_panorama: Save
) -> None:
    chromium.get(url)
    drop(chromium, save_panorama("room.png", height=128))
    wait(chromium, SHOWN)
    find(chromium, "#measure").click()
    compare = find(chromium, "#compare")
    quarter = compare.size["width"] // 4
    # Straight ahead the wall is 2.5 m away, to the right 3 m.
    ActionChains(chromium).move_to_element(compare).click().perform()
    assert "second" in find(chromium, "#length").text
    ActionChains(chromium).move_to_element_with_offset(compare, quarter, 0).click().perform()
    assert _length(chromium) == pytest.approx(math.hypot(2.5, 3), rel=0.02)
    assert len(chromium.find_elements(By.CSS_SELECTOR, "#map-ruler circle")) == 2
    assert not find(chromium, "#known").is_displayed()  # metres need no reference

    # In 3-D, from the camera: two places of the wall ahead, x = 2.5 tan(angle).
    find(chromium, "#inside").click()
    scene = find(chromium, "#scene")
    focal = scene.size["height"] / 2 / math.tan(0.75)
    for left in (-0.4 * focal, 0.4 * focal):
        ActionChains(chromium).move_to_element_with_offset(scene, int(left), 0).click().perform()
    assert _length(chromium) == pytest.approx(2 * 0.4 * 2.5, rel=0.05)
    assert len(chromium.find_elements(By.CSS_SELECTOR, "#scene-ruler circle")) == 2
    # A drag turns the view and sets no point.
    ActionChains(chromium).drag_and_drop_by_offset(scene, 80, 10).perform()
    assert _length(chromium) == pytest.approx(2.0, rel=0.05)

    # By keyboard: a cursor, 10 pixels of 256 to the right, Enter.
    for key in ("", Keys.SHIFT + Keys.ARROW_RIGHT):
        compare.send_keys(key + Keys.NULL + Keys.ENTER)
    assert _length(chromium) == pytest.approx(2.5 * math.tan(math.radians(10 / 256 * 360)), rel=0.1)
    assert [e for e in chromium.get_log("browser") if e["level"] == "SEVERE"] == []


def test_a_known_length_turns_a_relative_map_into_metres(chromium: Chrome, tmp_path: Path) -> None:
    distance = box_distance(64, 128).numpy() / 2  # one unit is 2 m
    everywhere = np.ones(distance.shape, bool)
    prediction = PredictedMap("distance_scale_invariant", distance, everywhere, ~everywhere)
    rgb = np.full((64, 128, 3), 90, np.uint8)
    save_prediction(tmp_path, "room", rgb, prediction, ["npy"], {"source": "room.png"})
    (tmp_path / "page").mkdir()
    records = [tmp_path / "room_prediction.json"]
    entries, _ = make_entries(records, lambda record: make_embedded_entry(record, tmp_path))
    page = tmp_path / "page" / "room.html"
    page.write_text(render_page(entries, "", accepts=False), "utf-8")
    chromium.get(page.as_uri())
    wait(chromium, SHOWN)
    find(chromium, "#measure").click()
    compare = find(chromium, "#compare")
    for share in (0, 0.25):
        left = int(share * compare.size["width"])
        ActionChains(chromium).move_to_element_with_offset(compare, left, 0).click().perform()
    assert "relative" in find(chromium, "#length").text
    find(chromium, "#metres").send_keys(str(math.hypot(2.5, 3)))
    assert find(chromium, "#length").text.split()[1] == "m"
    ActionChains(chromium).move_to_element(compare).perform()
    reading = find(chromium, "#readout").text.split()
    assert float(reading[-2]) == pytest.approx(2.5, rel=0.04)
    assert reading[-1] == "m"


HEADSET = """
Object.defineProperty(navigator, "xr", { configurable: true, value: {
  isSessionSupported: async (mode) => mode === "immersive-vr",
  requestSession: async () => (window.session = {
    queue: [], ended: [],
    updateRenderState() {}, async requestReferenceSpace(kind) { this.space = kind; return kind; },
    requestAnimationFrame(f) { this.queue.push(f); },
    addEventListener(name, f) { if (name === "end") this.ended.push(f); },
    async end() { this.ended.forEach((f) => f()); },
    // One frame with two eyes 6 cm apart and the head at z.
    show(z) {
      const eye = (x) => ({ projectionMatrix: perspective(1.4, 1, 0.05, 100), x,
        transform: { inverse: { matrix: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, -x, 0, -z, 1] } } });
      const f = this.queue.shift();
      f(0, { getViewerPose: () => ({ views: [eye(-0.03), eye(0.03)] }) });
    },
  }),
} });
window.XRWebGLLayer = class {
  constructor(session, gl) { this.framebuffer = null; this.gl = gl; }
  getViewport(eye) { return { x: eye.x < 0 ? 0 : 200, y: 0, width: 200, height: 200 }; }
};
WebGLRenderingContext.prototype.makeXRCompatible = async () => {};
"""
WIDTH_OF_WALL = """
session.show(arguments[0]);
const gl = scene.gl, row = new Uint8Array(4 * 400);
gl.readPixels(0, 100, 400, 1, gl.RGBA, gl.UNSIGNED_BYTE, row);
const red = (from) => {
  let n = 0;
  for (let i = from; i < from + 200; i++) n += row[4 * i] > 200;
  return n;
};
return [red(0), red(200)];
"""


def test_in_a_headset_the_room_comes_nearer_when_the_head_does(
    chromium: Chrome, tmp_path: Path
) -> None:
    distance = box_distance(64, 128).numpy()
    everywhere = np.ones(distance.shape, bool)
    rgb = np.full((64, 128, 3), 60, np.uint8)
    rgb[:, 54:74] = (255, 60, 60)  # a stripe on the wall ahead, 2.5 m away: 1.43 m wide
    prediction = PredictedMap("distance_metric", distance, everywhere, ~everywhere)
    save_prediction(tmp_path, "room", rgb, prediction, ["npy"], {"source": "none.png"})
    # the page shows the panorama by its preview: without one the map in colours, so it is embedded
    entry = make_embedded_entry(tmp_path / "room_prediction.json", tmp_path)
    photo = io.BytesIO()
    Image.fromarray(rgb).save(photo, "PNG")
    entry["photo"] = "data:image/png;base64," + base64.b64encode(photo.getvalue()).decode()
    page = tmp_path / "room.html"
    page.write_text(render_page([entry], "", accepts=False), "utf-8")
    added = chromium.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": HEADSET})
    try:
        chromium.get(page.as_uri())
        wait(chromium, SHOWN)
        wait(chromium, "return !document.querySelector('#headset').hidden")
        find(chromium, "#headset").click()
        wait(chromium, "return window.session && session.queue.length > 0")
        assert chromium.execute_script("return session.space") == "local"
        focal = 100 / math.tan(0.7)
        stripe = 2 * 2.5 * math.tan(math.radians(10 / 128 * 360))
        for head in (0.0, -1.0):
            seen = chromium.execute_script(WIDTH_OF_WALL, head)
            expected = stripe / (2.5 + head) * focal
            assert seen == pytest.approx([expected, expected], abs=0.06 * expected + 2)
        chromium.execute_script("session.end()")
        assert chromium.execute_script("return scene.session === null")
    finally:
        chromium.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


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
