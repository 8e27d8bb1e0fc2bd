"""A page in headless Chromium, driven through the DevTools protocol over a pipe: no port, no further package.

The protocol is https://chromedevtools.github.io/devtools-protocol/; Chromium reads commands from descriptor 3 and
writes answers to 4, each ended by a zero byte.
"""

import base64
import json
import os
import select
import shutil
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

PROGRAM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
"""Chromium's program, None where it isn't installed."""
_LIMIT_S: Final = 60.0
_END_LIMIT_S: Final = 10.0
_START: Final = 'exec "$0" "$@" 3<&"$COMMANDS" 4>&"$ANSWERS"'


class Page:
    """One page; what went wrong in it is kept.

    Args:
        commands: descriptor that the browser reads.
        answers: descriptor that it writes.
    """

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._rest, self._number, self._session = b"", 0, ""
        self.problems: list[str] = []
        self.asked_for: list[str] = []
        self._loaded = 0
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def show(self, url: str, *, width: int, height: int, dark: bool = False) -> None:
        """Open a page in a window of some size, to its load event."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        before = self._loaded
        self._call("Page.navigate", url=url)
        while self._loaded == before:
            self._take()

    def ask(self, expression: str) -> Any:
        """Evaluate JavaScript after the page was drawn, and give its value."""
        frame = "new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))"
        done = self._call(
            "Runtime.evaluate", expression=f"{frame}.then(() => ({expression}))", returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def press(self, *keys: str) -> None:
        """Press keys, by their names (https://www.w3.org/TR/uievents-key/)."""
        for key in keys:
            text = {"text": key} if len(key) == 1 else {}
            self._call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
            self._call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def click(self, selector: str) -> None:
        """Click on the middle of an element, scrolled to where a person could."""
        self.ask(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'nearest'}})")
        box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        x, y = self.ask(f"[{box}.left + {box}.width / 2, {box}.top + {box}.height / 2]")
        for what in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=what, x=x, y=y, button="left", clickCount=1)

    def point_at(self, selector: str) -> None:
        """Move the mouse to the middle of an element."""
        box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        x, y = self.ask(f"[{box}.left + {box}.width / 2, {box}.top + {box}.height / 2]")
        self._call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def write(self, text: str) -> None:
        """Write a text where the focus is."""
        self._call("Input.insertText", text=text)

    def picture(self, file: Path) -> None:
        """Write what is seen to a PNG."""
        file.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"]))

    def _call(self, method: str, **parameters: Any) -> Mapping[str, Any]:
        self._number += 1
        told = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            told["sessionId"] = self._session
        os.write(self._commands, json.dumps(told).encode() + b"\0")
        while True:
            said = self._take()
            if said.get("id") == self._number:
                assert "error" not in said, f"{method}: {said['error']}"
                return said["result"]

    def _take(self) -> Mapping[str, Any]:
        """Give the next message; note what is wrong in the page."""
        while b"\0" not in self._rest:
            readable, _, _ = select.select([self._answers], [], [], _LIMIT_S)
            assert readable, "Chromium doesn't answer"
            piece = os.read(self._answers, 1 << 20)
            assert piece, "Chromium has ended"
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        said = json.loads(message)
        told = said.get("params", {})
        match said.get("method"):
            case "Page.loadEventFired":
                self._loaded += 1
            case "Network.requestWillBeSent":
                self.asked_for.append(told["request"]["url"])
            case "Runtime.exceptionThrown":
                self.problems.append(json.dumps(told["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if told["type"] in {"error", "warning", "assert"}:
                self.problems.append(json.dumps(told["args"]))
            case "Log.entryAdded" if told["entry"]["level"] in {"error", "warning"}:
                self.problems.append(told["entry"]["text"])
        return said


@contextmanager
def browsed(profile: Path) -> Generator[Page]:
    """Give a page of a browser that has ended afterwards.

    Args:
        profile: a folder for what the browser keeps.
    """
    assert PROGRAM is not None
    commands, to_browser = os.pipe()
    from_browser, answers = os.pipe()
    try:
        command = [
            "bash", "-c", _START, PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank",
        ]  # fmt: skip
        environment = {**os.environ, "COMMANDS": str(commands), "ANSWERS": str(answers), "HOME": str(profile)}
        browser = subprocess.Popen(
            command, env=environment, pass_fds=(commands, answers), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(commands)
        os.close(answers)
        try:
            yield Page(to_browser, from_browser)
        finally:
            browser.terminate()
            try:
                browser.wait(_END_LIMIT_S)
            except subprocess.TimeoutExpired:
                browser.kill()
                browser.wait()
    finally:
        os.close(to_browser)
        os.close(from_browser)
