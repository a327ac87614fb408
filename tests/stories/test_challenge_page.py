"""The broker's page in a real browser: keyboard alone, phone and desktop, nothing from elsewhere, nothing refused."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.stories.test_challenges import DEAR, STEADY, SWAPPED_3D, Till, until
from tests.support import browser
from tests.support.clocks import HandClock
from tests.support.stage import set_stage

_PROGRAM = browser.found()
_WHAT_HAS_FOCUS = "document.activeElement.textContent"
_LABEL_OF_THAT = "document.activeElement.labels[0].textContent"
_WIDER_THAN_ITS_WINDOW = "document.documentElement.scrollWidth > window.innerWidth"
# Ratio of luminances (WCAG 2.2, 1.4.3), of text to its background and of the button's text to the button.
_CONTRASTS = """
(() => {
  const lum = c => { const [r, g, b] = c.match(/\\d+/g).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126*r + 0.7152*g + 0.0722*b };
  return [document.body, document.querySelector('button')].map(e => { const s = getComputedStyle(e);
    const [a, b] = [lum(s.color), lum(s.backgroundColor)].sort((x, y) => y - x); return (a + 0.05) / (b + 0.05) });
})()
"""
_MIDDLE = """
(() => { const box = document.querySelector('button').getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2] })()
"""
pytestmark = pytest.mark.skipif(_PROGRAM is None, reason="no browser is installed here")


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Till]:
    clock = HandClock()
    with set_stage(tmp_path_factory.mktemp("page"), clock=clock) as stage, ExitStack() as more:
        key = stage.broker.key("page", "trust:check", consumer="shop", agent="till")
        yield Till(stage, clock, "page", more.enter_context(stage.broker.http(key)), more)


async def walk(link: str, another: str, folder: Path) -> tuple[list[str], list[str]]:
    """A person without a mouse opens the link and goes through; where requests went, and what was complained about."""
    assert _PROGRAM is not None
    cellular = {"x-cellular-msisdn": SWAPPED_3D}
    async with browser.tab(_PROGRAM, folder / "profile", cellular) as tab:
        for name, width, height, mobile in (("desktop", 1280, 800, False), ("phone", 360, 640, True)):
            await tab.sized(width, height, mobile=mobile)
            await tab.go(link)
            assert await tab.of("document.querySelector('h1').textContent") == "Is this you?"
            assert not await tab.of(_WIDER_THAN_ITS_WINDOW), name
            assert len(await tab.photographed()) > 5000, "an empty page"
        assert min(await tab.of(_CONTRASTS)) >= 4.5
        assert await tab.of("document.documentElement.lang") == "en"
        await tab.press("Tab")
        assert await tab.of(_WHAT_HAS_FOCUS) == "Yes, it is me"
        assert await tab.of("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        await tab.press("Enter", "\r")
        await tab.loaded()
        assert await tab.of("document.querySelector('h1').textContent") == "Done"
        await tab.go(another)
        await tab.tapped(*await tab.of(_MIDDLE), times=2)
        await tab.loaded()
        assert await tab.of("document.querySelector('h1').textContent") == "Done", "the second tap ended the first"
        return tab.asked, tab.complaints


def test_a_person_without_a_mouse_goes_through_in_a_real_browser(till: Till, tmp_path: Path) -> None:
    checks = [till.ask(), till.ask()]
    links = [till.started(check)["link"] for check in checks]
    asked, complaints = asyncio.run(walk(links[0], links[1], tmp_path))
    origins = {f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, asked)}
    assert origins == {till.stage.broker.url, till.stage.alba.url}
    assert [one for one in complaints if "favicon" not in one] == []
    assert [till.now(check)["decision"] for check in checks] == ["allow", "allow"]


async def type_and_go(tab: browser.Tab, code: str) -> str:
    """Write the code without a mouse and go on; the title of what comes then."""
    await tab.press("Tab")
    assert await tab.of(_LABEL_OF_THAT) == "Type the code that you were told with the link"
    await tab.typed(code)
    await tab.press("Tab")
    assert await tab.of(_WHAT_HAS_FOCUS) == "Yes, it is me"
    await tab.press("Enter", "\r")
    await tab.loaded()
    return str(await tab.of("document.querySelector('h1').textContent"))


async def type_the_code(link: str, code: str, folder: Path) -> tuple[list[str], list[str]]:
    """A person types a code that they were not told, hears so, and types the right one."""
    assert _PROGRAM is not None
    async with browser.tab(_PROGRAM, folder / "profile", {}) as tab:
        await tab.sized(360, 640, mobile=True)
        await tab.go(link)
        assert code not in await tab.of("document.body.textContent"), "who was not told it cannot read it here"
        assert await type_and_go(tab, "AAAA") == "Is this you?"
        assert (await tab.of("document.querySelector('[role=alert]').textContent")).startswith("This is another code")
        assert await tab.of("document.querySelector('#code').getAttribute('aria-describedby')") == "wrong"
        assert not await tab.of(_WIDER_THAN_ITS_WINDOW)
        assert min(await tab.of(_CONTRASTS)) >= 4.5
        assert await type_and_go(tab, code.lower()) == "Look at your phone"
        return tab.asked, tab.complaints


def test_a_person_without_a_mouse_types_the_code_and_their_phone_rings(till: Till, tmp_path: Path) -> None:
    control = till.stage.alba.control
    check = till.ask(STEADY, DEAR)
    challenge = till.started(check, "operator_prompt", STEADY)
    asked, complaints = asyncio.run(type_the_code(challenge["link"], challenge["compareCode"], tmp_path))
    assert {f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, asked)} == {till.stage.broker.url}
    # A browser also names every answer that is none of success.
    assert [one for one in complaints if "favicon" not in one and "422" not in one] == []
    until(lambda: [one["standing"] for one in control.prompts(STEADY)] == ["pending"])
    control.answer(STEADY, approve=True)
    till.clock.advance(2)  # their operator is asked again in its own pace
    until(lambda: bool(till.now(check)["decision"] == "allow"))
