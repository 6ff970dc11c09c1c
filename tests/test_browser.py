"""The chat as a person meets it: the real server, real articles, headless Chromium."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Dialog, Page, Request, sync_playwright

from rag.chat_server import command
from rag.encode import Encoder
from rag.index import build

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
]
START = 60  # seconds the server may take
ANSWER = 60_000  # milliseconds an answer may take, the opening of the archive with it
HOSTILE = '<img src="http://203.0.113.1/a.png" onerror="alert(1)"> ![b](http://203.0.113.1/b.png) $x^2$ :red[c] #'

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}"),
]


@dataclass
class Seen:
    """What the browser did behind the page: where it sent requests, and what it complained of."""

    elsewhere: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def request(self, request: Request) -> None:
        self.address(request.url)

    def address(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            self.elsewhere.append(url)

    def message(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def dialog(self, dialog: Dialog) -> None:
        self.complaints.append(f"a dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture
def address(seeds: Path, encoder: Encoder, tmp_path: Path) -> Iterator[str]:
    """The chat over the seed articles and one that is full of markup, as `onrecord ui` starts it."""
    articles = Path(shutil.copytree(seeds, tmp_path / "seeds"))
    hostile = {
        "id": "hostile",
        "title": HOSTILE,
        "text": f"The harbour of Quillan is dry. {HOSTILE} Ferries run hourly.",
    }
    (articles / "hostile.jsonl").write_text(json.dumps(hostile), encoding="utf-8")
    build(articles, tmp_path / "index", encoder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "ONRECORD_INDEX": str(tmp_path / "index")}
    with (tmp_path / "server.log").open("w") as log:
        server = subprocess.Popen(command(port), cwd=tmp_path, env=environment, stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=20)


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server ended"
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"no answer from {url} in {START} s")


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def page(seen: Seen) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(ANSWER)
        page.on("request", seen.request)
        page.on("websocket", lambda socket: seen.address(socket.url))
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on("console", seen.message)
        page.on("dialog", seen.dialog)
        yield page
        browser.close()


def ask(page: Page, question: str) -> None:
    box = page.get_by_placeholder("Ask about the articles")
    box.fill(question)
    box.press("Enter")


def test_a_conversation(address: str, page: Page, seen: Seen) -> None:
    page.goto(address)
    page.get_by_text("The archive: 6 articles").wait_for()

    ask(page, "What percentage of Canada's exports go to the United States?")
    chip = page.locator("article.answer .claim .chip").first
    chip.wait_for()
    assert chip.inner_text() == "[1]"
    quotes = page.locator("article.answer .sources blockquote").all_inner_texts()
    assert any("over 75% of Canadian exports" in quote for quote in quotes)
    quote = quotes[0]

    chip.hover()
    card = page.get_by_role("tooltip")
    assert card.locator("blockquote").inner_text() == quote

    chip.click()
    mark = page.locator(".pane mark.current")
    mark.first.wait_for()
    assert "".join(mark.all_inner_texts()) == quote
    page.wait_for_function("mark => mark.getBoundingClientRect().top < innerHeight", arg=mark.first.element_handle())
    assert "publish date unknown" in page.locator(".pane header").inner_text()
    assert page.locator("article.answer").count() == 1

    page.locator("article.answer .claim .chip[aria-pressed=true]").wait_for()
    page.keyboard.press("Escape")
    mark.first.wait_for(state="detached")
    page.wait_for_function("() => document.activeElement?.shadowRoot?.activeElement?.textContent === '[1]'")

    ask(page, HOSTILE)
    page.locator("article.answer").nth(1).wait_for()
    assert page.locator(".question").nth(1).inner_text() == HOSTILE

    ask(page, "Who is the mayor of Quillan?")
    refusal = page.locator("article.answer").nth(2)
    refusal.get_by_text("Nearest passages, not an answer").wait_for()
    nearest = refusal.locator("details[data-rank='1']")
    nearest.locator("summary").click()
    nearest.get_by_role("button").click()
    mark.first.wait_for()
    assert page.locator(".pane h3").inner_text() == HOSTILE
    assert HOSTILE in mark.first.inner_text()
    assert (seen.elsewhere, seen.complaints) == ([], [])
