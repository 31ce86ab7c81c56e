"""The viewer's web server: the standard library's, bound to this machine unless told otherwise."""

import json
import logging
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

from pano_data.io.paths import is_inside
from panodepth.errors import BadPanoramaError, CommandError
from panodepth.outputs.records import RECORD_ENDING, find_records, read_record
from panodepth.viewer.entries import (
    MAP_WIDTH,
    MEDIA,
    encode_map,
    encode_photo,
    make_entries,
    make_entry,
)
from panodepth.viewer.page import render_page

MAX_UPLOAD = 512 * 2**20
PATIENCE = 60.0
"""Seconds after which a client that says nothing is left."""
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src 'self' blob: data:; connect-src 'self' data:"
)
"""What the page may load: itself, and what this server holds."""
DOWNLOAD = "application/octet-stream"
_LOG = logging.getLogger(__name__)
DropHandler = Callable[[bytes, str], Path]
"""(the image file's bytes, its name) -> the record of its prediction."""


class Answer(NamedTuple):
    """Body of a response, its media type, and further headers."""

    body: bytes
    media: str
    headers: tuple[tuple[str, str], ...] = ()


class ViewerServer(ThreadingHTTPServer):
    """Serves the predictions of one folder, and predicts what is dropped when it has a model.

    Args:
        address: Host and port; port 0 takes a free one.
        folder: Where the records lie.
        about: Shown while there is nothing to show.
        on_drop: Called with a dropped image; None for a viewer that only looks.
    """

    daemon_threads = True

    def __init__(
        self,
        address: tuple[str, int],
        folder: Path,
        about: str = "",
        on_drop: DropHandler | None = None,
    ) -> None:
        super().__init__(address, ViewerHandler)
        self.folder, self.about, self.on_drop = folder, about, on_drop
        self.one_at_a_time = threading.Lock()

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{self.server_address[0]!s}:{self.server_port}/"

    def entry(self, record: Path) -> dict[str, Any]:
        """The page's entry of a record, with addresses on this server."""
        base = "prediction/" + quote(record.relative_to(self.folder).as_posix(), safe="")
        return make_entry(record, self.folder, lambda part: f"{base}/{part}", MAP_WIDTH)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up, and one line of anything else."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            _LOG.error("request of %s: %s: %s", client_address, type(error).__name__, error)


class ViewerHandler(BaseHTTPRequestHandler):
    """One request."""

    server: ViewerServer
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE

    def do_GET(self) -> None:
        """The page, or a part of a prediction."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """A dropped panorama."""
        self._answer(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal belongs to the command."""

    def _answer(self, answer: Callable[[], Answer]) -> None:
        try:
            self._refuse_strangers()
            self._send(HTTPStatus.OK, answer())
        except (CommandError, BadPanoramaError) as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception as error:  # noqa: BLE001 - the network, its memory, the disk, a record
            text = f"this failed: {str(error) or type(error).__name__}"
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, text)

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        # The body of a refused upload was not read: the connection cannot be reused.
        self.close_connection = True
        try:
            body = text.encode("utf-8", "backslashreplace")
            self._send(status, Answer(body, "text/plain; charset=utf-8"))
        except (ConnectionError, TimeoutError):
            pass  # nobody listens any more

    def _send(self, status: HTTPStatus, answer: Answer) -> None:
        self.send_response(status)
        self.send_header("Content-Type", answer.media)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", POLICY)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def _refuse_strangers(self) -> None:
        """A page elsewhere must not use this server through the user's browser."""
        host = self.headers.get("Host", "")
        origin = self.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != host:
            raise CommandError(f"requests from {origin} are refused: open {self.server.url}")
        local = str(self.server.server_address[0]) in ("127.0.0.1", "::1")
        if local and urlsplit(f"//{host}").hostname not in ("127.0.0.1", "localhost", "::1"):
            raise CommandError(f"requests for {host} are refused: open {self.server.url}")

    def _get(self) -> Answer:
        path = urlsplit(self.path).path
        if path == "/":
            return self._page()
        words = [unquote(word) for word in path.strip("/").split("/")]
        if len(words) == 3 and words[0] == "prediction":
            return self._part(self._record(words[1]), words[2])
        raise CommandError(f"there is nothing at {path}")

    def _page(self) -> Answer:
        server = self.server
        entries, problems = make_entries(find_records(server.folder), server.entry)
        html = render_page(entries, server.about, server.on_drop is not None, problems)
        return Answer(html.encode("utf-8", "backslashreplace"), "text/html; charset=utf-8")

    def _record(self, name: str) -> Path:
        record = self.server.folder / name
        if not (is_inside(name) and name.endswith(RECORD_ENDING) and record.is_file()):
            raise CommandError(f"there is no prediction {name!r}")
        return record

    def _part(self, record: Path, part: str) -> Answer:
        if part == "photo":
            return Answer(encode_photo(record), MEDIA["photo"])
        if part == "values":
            return Answer(encode_map(record), MEDIA["values"])
        name = read_record(record)["files"].get(part)
        if name is None or not (record.parent / name).is_file():
            raise CommandError(f"there is no {part!r} file of this prediction")
        # Never shown by the browser: what a file says must not act as a page of this server.
        saved_as = ("Content-Disposition", f"attachment; filename*=UTF-8''{quote(name)}")
        return Answer((record.parent / name).read_bytes(), DOWNLOAD, (saved_as,))

    def _post(self) -> Answer:
        url = urlsplit(self.path)
        if self.server.on_drop is None or url.path != "/predict":
            raise CommandError("this viewer shows predictions only: start it with a MODEL")
        said = self.headers.get("Content-Length", "")
        length = int(said) if said.isascii() and said.isdigit() else 0
        if not 0 < length <= MAX_UPLOAD:
            raise CommandError(
                f"got {said or 'no'} bytes, expected an image of up to {MAX_UPLOAD} bytes"
            )
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionResetError("the upload ended early")
        name = parse_qs(url.query).get("name", ["panorama"])[0]
        with self.server.one_at_a_time:
            record = self.server.on_drop(body, name)
        return Answer(json.dumps(self.server.entry(record)).encode(), "application/json")
