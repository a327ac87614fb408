"""A real browser for tests: Chromium, without a window, spoken to over the DevTools protocol."""

import asyncio
import base64
import contextlib
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_WITHIN_S = 30
_LISTENS = re.compile(rb"DevTools listening on ws://127\.0\.0\.1:(\d+)/")


def found() -> str | None:
    """Where a browser is installed, if one is."""
    return next((path for path in map(shutil.which, _NAMES) if path), None)


class Tab:
    """One page. ``asked`` are the addresses that it sent anybody requests for; ``complaints`` what it would not do."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loads: asyncio.Queue[None] = asyncio.Queue()
        self.asked: list[str] = []
        self.complaints: list[str] = []

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol, and its result."""
        number = len(self._waiting) + 1
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        return await asyncio.wait_for(answer, _WITHIN_S)

    async def listen(self) -> None:
        """Take what the browser says, until it goes."""
        async for message in self._socket:
            self._take(message.json())

    def _take(self, said: dict[str, Any]) -> None:
        told = said.get("params", {})
        match said.get("method"):
            case None:
                self._waiting[said["id"]].set_result(said.get("result", {}) | {"error": said.get("error")})
            case "Network.requestWillBeSent":
                self.asked.append(told["request"]["url"])
            case "Log.entryAdded":
                self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
            case "Page.loadEventFired":
                self._loads.put_nowait(None)

    async def loaded(self) -> None:
        """Wait until a page is there."""
        await asyncio.wait_for(self._loads.get(), _WITHIN_S)

    async def go(self, url: str) -> None:
        """Open an address."""
        await self.call("Page.navigate", url=url)
        await self.loaded()

    async def press(self, key: str, text: str = "") -> None:
        """Press a key, as a person without a mouse does."""
        codes = {"Tab": 9, "Enter": 13}
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            await self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key], **typed
            )

    async def typed(self, text: str) -> None:
        """Write into what has the focus."""
        await self.call("Input.insertText", text=text)

    async def tapped(self, x: float, y: float, *, times: int = 1) -> None:
        """Press and let go there, so often, without waiting for what comes of it."""
        kinds = ("mousePressed", "mouseReleased") * times
        where: dict[str, Any] = {"x": x, "y": y, "button": "left", "clickCount": 1}
        await asyncio.gather(*(self.call("Input.dispatchMouseEvent", type=kind, **where) for kind in kinds))

    async def of(self, expression: str) -> Any:
        """What an expression comes to in the page: for looking, from outside of its content policy."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    async def sized(self, width: int, height: int, *, mobile: bool) -> None:
        """Have the window this size."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
        )

    async def photographed(self) -> bytes:
        """A picture of the page, PNG."""
        return base64.b64decode((await self.call("Page.captureScreenshot", format="png"))["data"])


@contextlib.asynccontextmanager
async def tab(program: str, folder: Path, headers: dict[str, str]) -> AsyncIterator[Tab]:
    """A browser with one page, which sends ``headers`` with every request; it ends with the block."""
    process = await asyncio.create_subprocess_exec(
        program,
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"),
        *("--disable-background-networking", "--no-proxy-server", "--remote-debugging-port=0"),
        f"--user-data-dir={folder}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        port = await asyncio.wait_for(_port(process), _WITHIN_S)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json") as answer:
                (page,) = [one for one in await answer.json() if one["type"] == "page"]
            async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                opened = Tab(socket)
                listening = asyncio.create_task(opened.listen())
                for domain in ("Page", "Network", "Log"):
                    await opened.call(f"{domain}.enable")
                await opened.call("Network.setExtraHTTPHeaders", headers=headers)
                yield opened
                listening.cancel()
    finally:
        process.terminate()
        await process.wait()


async def _port(process: asyncio.subprocess.Process) -> int:
    """Where the browser listens, which it says once it does."""
    assert process.stderr is not None
    async for line in process.stderr:
        if said := _LISTENS.search(line):
            return int(said[1])
    raise AssertionError("the browser did not start")
