import http.client
import io
import json
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from pano_models import Predictor
from panodepth.cli import main
from panodepth.outputs.records import save_prediction
from panodepth.prediction import PredictedMap
from panodepth.viewer.command import make_drop_handler
from panodepth.viewer.server import ViewerServer

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
        b"not an image: no decoder knows what it is",
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


@pytest.mark.parametrize(
    "files",
    [
        {"npy": "../secret.npy"},
        {"npy": "/etc/passwd"},
        {"npy": "page.html"},
        {"npy": "link.npy"},
        {"npy": ["a_distance.npy"]},
        {"html": "page.html"},
        ["npy"],
    ],
)
def test_only_files_of_a_prediction_are_served(
    browser: Browser, tmp_path: Path, files: object
) -> None:
    entry = json.loads(browser.ask("POST", "/predict?name=a.png", _png())[1])
    record = tmp_path / "a_prediction.json"
    content = json.loads(record.read_text())
    for folder in (tmp_path, tmp_path.parent):
        np.save(folder / "secret.npy", np.full((64, 128), 7, np.float32))
        (folder / "page.html").write_text("secret")
    (tmp_path / "link.npy").symlink_to(tmp_path.parent / "secret.npy")
    record.write_text(json.dumps(content | {"files": files}))
    base = entry["downloads"]["npy"].rpartition("/")[0]
    for part in ("npy", "html", "values"):
        status, body = browser.ask("GET", f"/{base}/{part}")
        assert status == 400
        assert b"secret" not in body.replace(b"secret.npy", b"")


def test_a_record_shows_no_picture_that_it_does_not_know(browser: Browser, tmp_path: Path) -> None:
    entry = json.loads(browser.ask("POST", "/predict?name=a.png", _png())[1])
    private = tmp_path.parent / "private.png"
    Image.new("RGB", (128, 64), (255, 0, 0)).save(private)
    record = tmp_path / "a_prediction.json"
    content = json.loads(record.read_text())
    for digest in (None, "sha256:00", content["source_digest"]):
        changed = content | {"source": str(private), "source_digest": digest}
        record.write_text(json.dumps(changed))
        status, body = browser.ask("GET", "/" + entry["photo"])
        assert status == 200
        assert not np.asarray(Image.open(io.BytesIO(body)))[0, 0, 0] > 250  # the map's colours


def test_a_bad_record_is_a_line_on_the_page_and_the_others_are_shown(
    browser: Browser, tmp_path: Path
) -> None:
    browser.ask("POST", "/predict?name=good.png", _png())
    good = json.loads((tmp_path / "good_prediction.json").read_text())
    damaged = ["{", "[]", "{}", '"text"', "null", "[" * 100_000, json.dumps(good | {"width": -1})]
    for i, text in enumerate(damaged):
        (tmp_path / f"bad{i}_prediction.json").write_text(text)
    odd = good | {"quantiles": {"0.02": "x"}, "unit": 3, "model": None}
    (tmp_path / "odd_prediction.json").write_text(json.dumps(odd))
    status, body = browser.ask("GET", "/")
    data = json.loads(body.decode().split("const DATA = ")[1].split(";</script>")[0])
    assert status == 200
    assert [entry["name"] for entry in data["entries"]] == ["good", "odd"]
    assert len(data["problems"]) == len(damaged)
    assert all("is not a record of panodepth predict" in line for line in data["problems"])


def test_downloads_are_never_pages_of_this_server(browser: Browser) -> None:
    entry = json.loads(browser.ask("POST", "/predict?name=a.png", _png())[1])
    connection = http.client.HTTPConnection("127.0.0.1", browser.port, timeout=30)
    for path in ("/", "/" + entry["downloads"]["png16"]):
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Disposition"].startswith("attachment")
    connection.close()


def test_a_refused_upload_leaves_the_one_kept_before(browser: Browser, tmp_path: Path) -> None:
    entry = json.loads(browser.ask("POST", "/predict?name=a.png", _png())[1])
    kept = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    for body in (b"text", _png(width=90), _png()[:80]):
        assert browser.ask("POST", "/predict?name=a.png", body)[0] == 400
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == kept
    assert browser.ask("GET", "/" + entry["photo"])[0] == 200


def test_names_of_any_length_and_script_in_them(browser: Browser) -> None:
    for name in ("n" * 300 + ".png", "深" * 200 + ".png"):
        status, _ = browser.ask("POST", "/predict?name=" + quote(name), _png())
        assert status == 200
    assert browser.ask("POST", "/predict?name=" + quote("<!--<script>.png"), _png())[0] == 200
    html = browser.ask("GET", "/")[1].decode()
    assert html.count("<script>") == 2
    assert "<!--" not in html


def test_clients_that_hang_up_leave_no_traceback(
    browser: Browser, capfd: pytest.CaptureFixture[str]
) -> None:
    requests = (
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\nhalf",
        b"GE",
        b"",
    )
    reset = struct.pack("ii", 1, 0)
    for request in requests:
        with socket.create_connection(("127.0.0.1", browser.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)  # close says RST
            client.sendall(request)
    assert browser.ask("GET", "/")[0] == 200
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("length", ["abc", "-5", "1e3", "99999999999999"])
def test_odd_lengths_are_told(browser: Browser, length: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", browser.port, timeout=30)
    connection.putrequest("POST", "/predict?name=a.png")
    connection.putheader("Content-Length", length)
    connection.endheaders()
    response = connection.getresponse()
    assert (response.status, b"expected an image" in response.read()) == (400, True)
    connection.close()


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


def test_one_page_tells_what_it_left_out_and_takes_no_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everywhere = np.ones((16, 32), bool)
    prediction = PredictedMap(
        "distance_metric", np.ones((16, 32), np.float32), everywhere, ~everywhere
    )
    rgb = np.zeros((16, 32, 3), np.uint8)
    for name in ("a", "b"):
        save_prediction(tmp_path / "in", name, rgb, prediction, ["npy"], {"source": "none.png"})
    page = tmp_path / "page.html"
    assert main(["view", str(tmp_path / "in"), "--html", str(page)]) == 0
    (tmp_path / "in" / "b_distance.npy").write_bytes(b"\x93NUMPY")
    assert main(["view", str(tmp_path / "in"), "--html", str(page)]) == 2
    assert "left out" in capsys.readouterr().err
    assert page.is_file()
    assert main(["view", str(tmp_path / "in"), "--port", "70000", "--no-browser"]) == 2
    assert "expected 0 (a free one) to 65535" in capsys.readouterr().err
    assert main(["view", str(tmp_path / "in"), "--html", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err
