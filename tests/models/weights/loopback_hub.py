"""A model hub on the loopback interface: what the hub's library asks of it, and its troubles."""

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
STORAGE = "/storage/blob?signature=0"


@dataclass
class Hub:
    """One repository with one file.

    Attributes:
        repository: Its id.
        file: Name of the file.
        content: Bytes of the file.
        sha256: What the hub states of it; None: nothing, as of small files.
        cuts: After how many bytes the next answers break off, in order; then they are whole.
        always_cut: Break off every answer after so many bytes.
        ignores_ranges: Send the whole file whatever is asked for, as some proxies do.
        redirects: Send who asks for the file to another address, as the hub does to its storage.
        asked: First byte of every range that was asked for.
        revisions: Of the repository, those that were asked about.
        on_range: Called with that byte before the answer.
        port: Where it listens.
    """

    repository: str
    file: str
    content: bytes
    sha256: str | None = ""
    cuts: list[int] = field(default_factory=list)
    always_cut: int | None = None
    ignores_ranges: bool = False
    redirects: bool = False
    commit: str = COMMIT
    asked: list[int] = field(default_factory=list)
    revisions: list[str] = field(default_factory=list)
    on_range: Callable[[int], None] = lambda start: None
    port: int = 0

    def __post_init__(self) -> None:
        if self.sha256 == "":
            self.sha256 = hashlib.sha256(self.content).hexdigest()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def about(self) -> dict[str, object]:
        """Return what the hub says of the repository, and of the files in it."""
        size = len(self.content)
        entry: dict[str, object] = {"rfilename": self.file, "size": size, "blobId": "0" * 40}
        if self.sha256:
            entry["lfs"] = {"sha256": self.sha256, "size": size, "pointerSize": 134}
        return {"id": self.repository, "modelId": self.repository, "sha": self.commit,
                "siblings": [entry], "private": False, "downloads": 0, "tags": []}  # fmt: skip

    def paths(self) -> list[dict[str, object]]:
        """Return the listing of the repository."""
        size = len(self.content)
        entry: dict[str, object] = {
            "type": "file",
            "path": self.file,
            "size": size,
            "oid": "0" * 40,
        }
        if self.sha256:
            entry["lfs"] = {"oid": self.sha256, "size": size, "pointerSize": 134}
        return [entry]


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        asked = self.path.split("?")[0]
        if asked.startswith(f"/api/models/{self.server.hub.repository}/tree/"):
            self._json(self.server.hub.paths())
        elif asked.startswith(f"/api/models/{self.server.hub.repository}"):
            self.server.hub.revisions += re.findall(r"/revision/(.+)", asked)
            self._json(self.server.hub.about())
        elif self.path == STORAGE and self.server.hub.redirects:
            self._file()
        elif re.fullmatch(
            rf"/{self.server.hub.repository}/resolve/[^/]+/{self.server.hub.file}", self.path
        ):
            self._redirect() if self.server.hub.redirects else self._file()
        else:
            self._missing()

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._json(self.server.hub.paths())

    def _json(self, value: object) -> None:
        body = json.dumps(value).encode()
        self._head(200, len(body))
        self.wfile.write(body)

    def _missing(self) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _redirect(self) -> None:
        self._head(302, 0, {"Location": f"{self.server.hub.endpoint}{STORAGE}"})

    def _head(self, status: int, length: int, extra: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(length), **(extra or {})}.items():
            self.send_header(name, value)
        self.end_headers()

    def _file(self) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if wanted and not self.server.hub.ignores_ranges:
            start, end = int(wanted[1]), int(wanted[2])
            body, status = self.server.hub.content[start : end + 1], 206
            extra = {"Content-Range": f"bytes {start}-{end}/{len(self.server.hub.content)}"}
            self.server.hub.asked.append(start)
            self.server.hub.on_range(start)
        else:
            body, status, extra = self.server.hub.content, 200, {}
        self._head(status, len(body), extra)
        cut = self.server.hub.cuts.pop(0) if self.server.hub.cuts else self.server.hub.always_cut
        with suppress(BrokenPipeError, ConnectionResetError):  # the other side was killed
            self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: Hub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Run the hub until the block ends."""
    server = _Server(hub)
    hub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
