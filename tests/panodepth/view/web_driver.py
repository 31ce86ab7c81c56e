"""Chromium driven through chromedriver by the W3C WebDriver protocol, without a client library."""

import base64
import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

DRIVER, CHROMIUM = shutil.which("chromedriver"), shutil.which("chromium")
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""Source: W3C WebDriver, web element identifier."""
_ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)  # fmt: skip
PATIENCE = 120.0


class Chromium:
    """One window; ends with its driver.

    Args:
        profile: Folder for its profile.
        size: Width and height of the window.
    """

    def __init__(self, profile: Path, size: tuple[int, int] = (1440, 900)) -> None:
        assert DRIVER
        assert CHROMIUM
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._process = subprocess.Popen(
            [DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._base = f"http://127.0.0.1:{port}"
        self._session = ""
        arguments = [*_ARGUMENTS, f"--user-data-dir={profile}", "--window-size={},{}".format(*size)]
        options = {
            "goog:chromeOptions": {"binary": CHROMIUM, "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        try:
            self._wait_for_driver()
            made = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": options}})
        except BaseException:
            self.close()
            raise
        self._session = f"/session/{made['sessionId']}"

    def close(self) -> None:
        """End the window and the driver."""
        try:
            if self._session:
                self._ask("DELETE", self._session)
        finally:
            self._process.terminate()
            self._process.wait(30)

    def open(self, url: str) -> None:
        """Load a page."""
        self._ask("POST", f"{self._session}/url", {"url": url})

    def run(self, script: str, *arguments: object) -> Any:
        """Return what a script returns (`arguments` are its `arguments`)."""
        body = {"script": script, "args": list(arguments)}
        return self._ask("POST", f"{self._session}/execute/sync", body)

    def wait(self, script: str) -> Any:
        """Return what a script returns as soon as it is true."""
        ends = time.monotonic() + PATIENCE
        while not (value := self.run(script)):
            assert time.monotonic() < ends, f"still not: {script}"
            time.sleep(0.2)
        return value

    def click(self, selector: str) -> None:
        """Click the middle of an element, as a person does: it must be there and not covered."""
        self._ask("POST", f"{self._session}/element/{self._find(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        """Type into an element; a file input takes a path."""
        path = f"{self._session}/element/{self._find(selector)}/value"
        self._ask("POST", path, {"text": text})

    def move(self, selector: str, x: int, y: int, drag_to: tuple[int, int] | None = None) -> None:
        """Move the pointer to (x, y) from an element's middle; then drag it."""
        origin = {_ELEMENT: self._find(selector)}
        step = {"type": "pointerMove", "duration": 0, "origin": origin}
        moves: list[dict[str, Any]] = [{**step, "x": x, "y": y}]
        if drag_to:
            moves += [
                {"type": "pointerDown", "button": 0},
                {**step, "duration": 50, "x": drag_to[0], "y": drag_to[1]},
                {"type": "pointerUp", "button": 0},
            ]
        pointer = {"type": "pointer", "id": "mouse", "actions": moves}
        self._ask("POST", f"{self._session}/actions", {"actions": [pointer]})

    def screenshot(self, path: Path) -> None:
        """Write what the window shows as PNG."""
        path.write_bytes(base64.b64decode(self._ask("GET", f"{self._session}/screenshot")))

    def errors(self) -> list[str]:
        """Return what the console complained about since the last call."""
        entries = self._ask("POST", f"{self._session}/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def _find(self, selector: str) -> str:
        body = {"using": "css selector", "value": selector}
        found: str = self._ask("POST", f"{self._session}/element", body)[_ELEMENT]
        return found

    def _wait_for_driver(self) -> None:
        ends = time.monotonic() + PATIENCE
        while True:
            try:
                self._ask("GET", "/status")
            except OSError:
                assert time.monotonic() < ends, "chromedriver does not answer"
                time.sleep(0.2)
            else:
                return

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(
            self._base + path, data, {"Content-Type": "application/json"}, method=method
        )
        with urlopen(request, timeout=PATIENCE) as response:
            return json.load(response)["value"]
