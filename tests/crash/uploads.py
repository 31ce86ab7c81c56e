"""T7 and load: a viewer that strangers talk to, many at once."""

import http.client
import io
import json
import random
import resource
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import torch
from PIL import Image
from torch import Tensor, nn

from pano_models import Predictor
from panodepth.viewer.command import make_drop_handler
from panodepth.viewer.server import ViewerServer
from tests.crash.case import Fault
from tests.crash.hostile import NAMES

SIZE = (16, 32)
GOOD, REFUSED = 200, range(400, 500)


class Grey(nn.Module):
    """A network that answers at once."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"distance_metric": image.mean(1, keepdim=True) * self.scale + 0.5}


@contextmanager
def viewer(folder: Path) -> Iterator[int]:
    """Serve `folder` with a network that takes drops; yields the port."""
    drop = make_drop_handler(Predictor(Grey(), SIZE), "grey", folder)
    with ViewerServer(("127.0.0.1", 0), folder, "grey", drop) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def ask(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> int:
    """Return the status of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def picture(rng: random.Random, suffix: str = "PNG") -> bytes:
    """Return a small panorama as a file."""
    buffer = io.BytesIO()
    colour = rng.randrange(256), rng.randrange(256), rng.randrange(256)
    Image.new("RGB", SIZE[::-1], colour).save(buffer, suffix)
    return buffer.getvalue()


def hostile_upload(rng: random.Random, folder: Path) -> str:
    """Send the viewer what it must refuse, or keep within its folder; it lives on."""
    inside = folder / "deep" / "out"
    inside.mkdir(parents=True)
    with viewer(inside) as port:
        if ask(port, "POST", "/predict?name=kept.png", picture(rng)) != GOOD:
            raise Fault("a good upload was refused")
        kept = (inside / "dropped/kept.png").read_bytes()
        told = [_one(rng, port) for _ in range(8)]
        if ask(port, "GET", "/") != GOOD:
            raise Fault(f"the page failed after {told}")
    if not any("kept" in line for line in told) and (
        (inside / "dropped/kept.png").read_bytes() != kept
    ):
        raise Fault(f"what was kept changed after {told}")
    outside = [p for p in folder.rglob("*") if inside not in (p, *p.parents) and p.is_file()]
    parts = list(inside.rglob("*.part*"))
    if outside or parts:
        raise Fault(f"{outside} and {parts} were left by {told}")
    return ", ".join(told)


def _one(rng: random.Random, port: int) -> str:
    how = rng.choice(["name", "body", "path", "host", "cut", "length"])
    name = quote(rng.choice([*NAMES, "<!--<script>.png", "a.html", "con.png", "%00.png"]))
    if how == "cut":
        with socket.create_connection(("127.0.0.1", port)) as plain:
            head = f"POST /predict?name={name} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            plain.sendall(f"{head}Content-Length: 9999\r\n\r\nabc".encode())
        return "hung up"
    if how == "length":
        number = rng.choice(["-1", "x", str(2**63), "1e3", "٣"])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
            head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            plain.sendall(f"{head}Content-Length: {number}\r\n\r\n".encode())
            answer = plain.recv(100).decode("latin-1")
        if " 4" not in answer[:14]:
            raise Fault(f"Content-Length: {number} was answered {answer!r}")
        return f"length {number}"
    if how == "body":
        body = rng.choice([b"", b"<svg/>", rng.randbytes(99), picture(rng)[: rng.randrange(60)]])
        status = ask(port, "POST", f"/predict?name={name}", body)
        expected = REFUSED
    elif how == "name":
        status = ask(port, "POST", f"/predict?name={name}", picture(rng))
        expected = range(200, 500)
    elif how == "path":
        path = rng.choice(["/..%2f..%2fevil", f"/prediction/{name}/npy", "/predict", "/a/b/c/d"])
        status, expected = ask(port, "GET", path), REFUSED
    else:
        status = ask(port, "GET", "/", Host="evil.example")
        expected = REFUSED
    if status not in expected:
        raise Fault(f"{how} {name[:40]} was answered {status}")
    return f"{how} {status}"


def many_clients(rng: random.Random, folder: Path, clients: int = 200, uploads: int = 20) -> str:
    """Let 200 clients look and 20 upload at once: all are answered, memory stays flat."""
    with viewer(folder) as port:
        ask(port, "POST", "/predict?name=first.png", picture(rng))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        sent = [picture(rng) for _ in range(uploads)]
        with ThreadPoolExecutor(clients + uploads) as pool:
            drops = [
                pool.submit(ask, port, "POST", f"/predict?name={number}.png", data)
                for number, data in enumerate(sent)
            ]
            looks = [pool.submit(ask, port, "GET", "/") for _ in range(clients)]
            found = [job.result() for job in (*drops, *looks)]
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    if set(found) != {GOOD}:
        raise Fault(f"answers {sorted(set(found))} to {clients} clients and {uploads} uploads")
    for number, data in enumerate(sent):
        if (folder / f"dropped/{number}.png").read_bytes() != data:
            raise Fault(f"upload {number} is not what was sent")
        record = json.loads((folder / f"{number}_prediction.json").read_text())
        if record["width"] != SIZE[1]:
            raise Fault(f"upload {number} has another prediction: {record}")
    return f"{clients} clients and {uploads} uploads answered, {grown:.0f} MB more"
