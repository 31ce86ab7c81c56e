"""The viewer's web server: the standard library's, bound to this machine unless told otherwise."""

import json
import mimetypes
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from panodepth.errors import BadPanoramaError, CommandError
from panodepth.outputs.records import read_record
from panodepth.view.entry import (
    MAP_WIDTH,
    MEDIA,
    encode_map,
    encode_photo,
    find_records,
    make_entry,
)
from panodepth.view.page import render_page

MAX_UPLOAD = 512 * 2**20
DropHandler = Callable[[bytes, str], Path]
"""(the image file's bytes, its name) -> the record of its prediction."""


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


class ViewerHandler(BaseHTTPRequestHandler):
    """One request."""

    server: ViewerServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """The page, or a part of a prediction."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """A dropped panorama."""
        self._answer(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal belongs to the command."""

    def _answer(self, answer: Callable[[], tuple[bytes, str]]) -> None:
        try:
            self._refuse_strangers()
            body, media = answer()
            self._send(HTTPStatus.OK, body, media)
        except (CommandError, BadPanoramaError) as error:
            # The body of a refused upload was not read: the connection cannot be reused.
            self.close_connection = True
            self._send(HTTPStatus.BAD_REQUEST, str(error).encode(), "text/plain; charset=utf-8")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except (RuntimeError, ValueError, OSError) as error:  # the network, its memory, the disk
            self.close_connection = True
            text = f"this failed: {str(error) or type(error).__name__}"
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, text.encode(), "text/plain; charset=utf-8")

    def _send(self, status: HTTPStatus, body: bytes, media: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def _refuse_strangers(self) -> None:
        """A page elsewhere must not use this server through the user's browser."""
        host = self.headers.get("Host", "")
        origin = self.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != host:
            raise CommandError(f"requests from {origin} are refused: open {self.server.url}")
        local = str(self.server.server_address[0]) in ("127.0.0.1", "::1")
        if local and urlsplit(f"//{host}").hostname not in ("127.0.0.1", "localhost", "::1"):
            raise CommandError(f"requests for {host} are refused: open {self.server.url}")

    def _get(self) -> tuple[bytes, str]:
        path = urlsplit(self.path).path
        if path == "/":
            entries = [self.server.entry(r) for r in find_records(self.server.folder)]
            html = render_page(entries, self.server.about, self.server.on_drop is not None)
            return html.encode(), "text/html; charset=utf-8"
        words = [unquote(word) for word in path.strip("/").split("/")]
        if len(words) == 3 and words[0] == "prediction":
            return self._part(self._record(words[1]), words[2])
        raise CommandError(f"there is nothing at {path}")

    def _record(self, name: str) -> Path:
        record = self.server.folder / name
        if record not in find_records(self.server.folder):
            raise CommandError(f"there is no prediction {name!r}")
        return record

    def _part(self, record: Path, part: str) -> tuple[bytes, str]:
        if part == "photo":
            return encode_photo(record), MEDIA["photo"]
        if part == "values":
            return encode_map(record), MEDIA["values"]
        name = read_record(record)["files"].get(part)
        if name is None or Path(name).name != name or not (record.parent / name).is_file():
            raise CommandError(f"there is no {part!r} file of this prediction")
        media = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return (record.parent / name).read_bytes(), media

    def _post(self) -> tuple[bytes, str]:
        url = urlsplit(self.path)
        if self.server.on_drop is None or url.path != "/predict":
            raise CommandError("this viewer shows predictions only: start it with a MODEL")
        length = int(self.headers.get("Content-Length", 0))
        if not 0 < length <= MAX_UPLOAD:
            raise CommandError(f"got {length} bytes, expected an image of up to {MAX_UPLOAD} bytes")
        body = self.rfile.read(length)
        name = parse_qs(url.query).get("name", ["panorama"])[0]
        with self.server.one_at_a_time:
            record = self.server.on_drop(body, name)
        return json.dumps(self.server.entry(record)).encode(), "application/json"
