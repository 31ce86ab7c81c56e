import http.client
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from pano_models import Predictor
from panodepth.cli import main
from panodepth.view.command import make_drop_handler
from panodepth.view.server import ViewerServer

Answer = tuple[int, bytes]


class Browser:
    def __init__(self, server: ViewerServer) -> None:
        self.port = server.server_port

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        try:
            return response.status, response.read()
        finally:
            connection.close()


@pytest.fixture
def browser(tmp_path: Path, box_room: nn.Module) -> Iterator[Browser]:
    predictor = make_drop_handler(Predictor(box_room, (64, 128)), "box", tmp_path)
    with ViewerServer(("127.0.0.1", 0), tmp_path, "box", predictor) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Browser(server)
        server.shutdown()
        thread.join()


def _png(width: int = 128) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, 64), (90, 120, 60)).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_dropped_panorama_is_predicted_and_served(browser: Browser, tmp_path: Path) -> None:
    status, body = browser.ask("POST", "/predict?name=..%2Fmy%20room.PNG", _png())
    entry = json.loads(body)
    assert (status, entry["name"], entry["unit"]) == (200, "my_room", "m")
    status, values = browser.ask("GET", "/" + entry["values"])
    assert np.frombuffer(values, "<f4").size == 64 * 128
    assert browser.ask("GET", "/" + entry["photo"])[1][:3] == b"\xff\xd8\xff"
    assert browser.ask("GET", "/" + entry["downloads"]["ply"])[1][:3] == b"ply"
    assert browser.ask("GET", "/" + entry["downloads"]["glb"])[1][:4] == b"glTF"
    status, html = browser.ask("GET", "/")
    assert status == 200
    assert b"my_room" in html
    assert {p.parent for p in tmp_path.rglob("*.*")} <= {tmp_path, tmp_path / "dropped"}


def test_bad_drops_are_told_and_the_server_lives(browser: Browser) -> None:
    assert browser.ask("POST", "/predict?name=a.png", b"text") == (
        400,
        b"not an image that can be read",
    )
    status, body = browser.ask("POST", "/predict?name=a.png", _png(width=90))
    assert status == 400
    assert b"expected a full" in body
    assert browser.ask("POST", "/predict?name=a.png", b"")[0] == 400
    assert browser.ask("POST", "/predict?name=a.png", _png())[0] == 200


def test_a_network_that_fails_is_told_and_the_server_lives(
    browser: Browser, box_room: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(rgb: torch.Tensor) -> dict[str, torch.Tensor]:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as broken:
        broken.setattr(box_room, "forward", fail)
        assert browser.ask("POST", "/predict?name=a.png", _png()) == (
            500,
            b"this failed: out of memory",
        )
    assert browser.ask("POST", "/predict?name=a.png", _png())[0] == 200


@pytest.mark.parametrize(
    "path", ["/nothing", "/prediction/a", "/prediction/..%2F..%2Fetc%2Fpasswd/npy"]
)
def test_other_addresses_give_nothing(browser: Browser, path: str) -> None:
    assert browser.ask("GET", path)[0] == 400


def test_only_named_files_are_served(browser: Browser, tmp_path: Path) -> None:
    entry = json.loads(browser.ask("POST", "/predict?name=a.png", _png())[1])
    record = tmp_path / "a_prediction.json"
    content = json.loads(record.read_text())
    (tmp_path.parent / "secret.txt").write_text("secret")
    record.write_text(json.dumps(content | {"files": {"npy": "../secret.txt"}}))
    status, body = browser.ask("GET", "/" + entry["downloads"]["npy"])
    assert status == 400
    assert b"secret" not in body


def test_other_pages_cannot_use_the_server(browser: Browser) -> None:
    assert (
        browser.ask("POST", "/predict?name=a.png", _png(), Origin="http://elsewhere.example")[0]
        == 400
    )
    assert browser.ask("GET", "/", Host="elsewhere.example")[0] == 400
    own = f"http://127.0.0.1:{browser.port}"
    assert browser.ask("POST", "/predict?name=a.png", _png(), Origin=own)[0] == 200


def test_bad_usage_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["view", str(tmp_path), "--no-browser"]) == 2
    assert "holds neither predictions" in capsys.readouterr().err
    assert main(["view", str(tmp_path), "--html", str(tmp_path / "a.html")]) == 2
    assert not (tmp_path / "a.html").exists()
