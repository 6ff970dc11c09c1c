"""The chat as a person meets it: the real server, real articles, headless Chromium."""

from __future__ import annotations

import html
import json
import logging
import os
import re
import shutil
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Locator, Page, Request, TimeoutError, sync_playwright

from rag.index.build import build
from rag.index.reader import Index
from rag.models.base import Encoder
from rag.types import Answer, Article, Citation, Claim, Disagreement, Hit, Passage
from tests.helpers.pictures import chat_over
from tests.helpers.serving import serving
from ui.state.saved_answers import answer_to_json
from ui.state.store import Store

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
PATIENCE_MS = 600_000  # that an answer may take, with the opening of the archive
AXE = Path(__file__).resolve().parents[2] / ".cache" / "axe.min.js"  # .ci/run puts it there
HOSTILE = '<img src="http://203.0.113.1/a.png" onerror="alert(1)"> ![b](http://203.0.113.1/b.png) $x^2$ :red[c] #'
# More payloads to run all of this with: files of one payload a line, as ONRECORD_PAYLOADS=a.txt:b.txt.
MORE = filter(None, os.environ.get("ONRECORD_PAYLOADS", "").split(os.pathsep))
LISTS = [Path(__file__).parents[1] / "helpers" / "payloads.txt", *map(Path, MORE)]
# At an address like /archive the page looks for its server there first, and then one step up, where it is.
PROBE = re.compile(r"/[^/]+/_stcore/(health|host-config)")
TOGETHER, BATCH = 6, 10  # payloads in an answer, answers in a conversation

LOG = logging.getLogger(__name__)
T = TypeVar("T")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}"),
]


def payloads() -> list[str]:
    lines = [line for path in LISTS for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    return list(dict.fromkeys(line for line in lines if line.strip() and not line.startswith("# ")))


PAYLOADS = payloads()


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
        probe = "404" in message.text and PROBE.fullmatch(urlsplit(message.location["url"]).path)
        if message.type == "error" and not probe:
            self.complaints.append(f"{message.text} {message.location['url']}")

    def dialog(self, dialog: Dialog) -> None:
        self.complaints.append(f"a dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the articles, the index and the conversations of these tests lie."""
    return tmp_path_factory.mktemp("browser")


@pytest.fixture(scope="module")
def address(folder: Path, seeds: Path, encoder: Encoder) -> Iterator[str]:
    """Start the chat over the seed articles, an article full of markup, and files with such names."""
    articles = Path(shutil.copytree(seeds, folder / "seeds"))
    hostile = {
        "id": "hostile",
        "title": HOSTILE,
        "publisher": HOSTILE,
        "authors": [HOSTILE],
        "published": "2025-03-04",
        "text": html.escape(
            f"The harbour of Quillan is dry. {HOSTILE} Ferries run hourly.\n\n" + "\n".join(PAYLOADS[:100])
        ),
    }
    (articles / "hostile.jsonl").write_text(json.dumps(hostile), encoding="utf-8")
    for name in {re.sub(r"[/\0]", "_", payload).encode()[:200].decode(errors="ignore") for payload in PAYLOADS[:200]}:
        (articles / f"-{name}.exe").write_text("a file that is none of an article's")
    build(articles, folder / "index", encoder)
    with serving(folder) as url:
        yield url


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, seen: Seen) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", seen.request)
        page.on("websocket", lambda socket: seen.address(socket.url))
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on("console", seen.message)
        page.on("dialog", seen.dialog)
        yield page


def ask(page: Page, question: str) -> None:
    box = page.get_by_placeholder("Ask about the articles")
    box.fill(question)
    box.press("Enter")


def settled(page: Page) -> None:
    """Wait until the page is drawn to its end."""
    page.locator("[data-test-script-state=notRunning]").wait_for()
    page.wait_for_function("() => !document.querySelector('[data-stale=true]')")


def hover(page: Page, over: Locator, card: Locator) -> None:
    """Rest the pointer on something until its card shows.

    A card goes when the page scrolls, which may happen after the pointer came. It must show in the end.
    """
    for _ in range(100):
        over.hover()
        try:
            card.wait_for(timeout=3_000)
        except TimeoutError:
            page.mouse.move(0, 0)
        else:
            return
    raise AssertionError("no card in a hundred tries")


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

    card = page.get_by_role("tooltip")
    hover(page, chip, card)
    assert card.locator("blockquote").inner_text() == quote

    chip.click()
    mark = page.locator(".pane mark.current")
    mark.first.wait_for()
    assert "".join(mark.all_inner_texts()) == quote
    page.wait_for_function("mark => mark.getBoundingClientRect().top < innerHeight", arg=mark.first.element_handle())
    assert "publish date unknown" in page.locator(".pane header").inner_text()
    assert page.locator("article.answer").count() == 1

    page.locator("article.answer .claim .chip[aria-pressed=true]").first.wait_for()
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

    page.get_by_role("button", name="This conversation").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as Markdown").click()
    assert f"“{quote}”" in download.value.path().read_text(encoding="utf-8")

    page.get_by_role("link", name="Archive").click()
    page.get_by_text("not readable").first.wait_for()
    page.get_by_role("link", name="Chat").click()
    page.locator("article.answer").nth(2).wait_for()
    page.wait_for_url("**/?chat=*")
    page.reload()
    page.locator("article.answer").nth(2).wait_for()
    assert page.locator(".question").nth(1).inner_text() == HOSTILE
    assert (seen.elsewhere, seen.complaints) == ([], [])


FOCUSED = """() => {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element.getAttribute("aria-label") || element.textContent.slice(0, 60);
}"""


def tab_to(page: Page, name: str, key: str = "Tab") -> None:
    """Press the key until the focus is on what is called so."""
    for _ in range(60):
        page.keyboard.press(key)
        if str(page.evaluate(FOCUSED)).startswith(name):
            return
    raise AssertionError(f"{name} is not reached; the focus is on {page.evaluate(FOCUSED)}")


def test_the_first_answer_waits_for_no_script(address: str, page: Page) -> None:
    page.goto(address)
    page.get_by_text("The archive: 6 articles").wait_for()
    settled(page)
    page.wait_for_load_state("networkidle")
    # From now on no script arrives. A slow answer asks for those of its progress, and must come without them.
    page.route(lambda _: True, lambda route: None if route.request.resource_type == "script" else route.continue_())
    ask(page, "What percentage of Canada's exports go to the United States?")
    page.locator("article.answer .claim .chip").first.wait_for()
    page.unroute_all(behavior="ignoreErrors")


def test_citations_by_keyboard_alone(address: str, page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(address)
    page.get_by_text("The archive: 6 articles").wait_for()
    ask(page, "How close is a deal on autos?")
    page.locator("article.answer .chip").first.wait_for()
    settled(page)
    tab_to(page, "Citation 1: untitled: “Hopes for a potential", "Shift+Tab")
    page.get_by_role("tooltip").wait_for()
    page.keyboard.press("Enter")
    page.locator(".pane mark.current").first.wait_for()
    page.wait_for_function(f"() => ({FOCUSED})() === 'Article text'")
    tab_to(page, "Next citation", "Shift+Tab")
    page.keyboard.press("Enter")
    page.locator(".pane .position").get_by_text("Citation 2 of 2").wait_for()
    page.wait_for_function(f"() => ({FOCUSED})() === 'Article text'")
    tab_to(page, "Copy quote", "Shift+Tab")
    page.keyboard.press("Enter")
    page.locator(".pane button", has_text="Copied").wait_for()
    quote = "".join(page.locator(".pane mark.current").all_inner_texts())
    place = "Mark Carney, Is a Canada-US trade deal inching closer?, publish date unknown; 003_ca2423bb0508c6d9.txt"
    assert page.evaluate("() => navigator.clipboard.readText()") == f"“{quote}” ({place})"
    tab_to(page, "Show what was removed")
    page.keyboard.press("Enter")
    page.locator(".pane details[open] li").first.wait_for()
    page.keyboard.press("Escape")
    page.locator(".pane").wait_for(state="detached")
    page.wait_for_function(f"() => ({FOCUSED})().startsWith('Citation 2: ')")


# What would have to be there if words had been taken for markup, through every shadow root of the page.
MARKUP = """() => {
  const tags = ["iframe", "object", "embed", "base", "math", "marquee", "video"];
  const found = [];
  const foreign = (address) => {
    const { protocol, origin } = new URL(address, document.baseURI);
    return protocol !== "data:" && origin !== location.origin;
  };
  const look = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if (node.shadowRoot) look(node.shadowRoot);
      const tag = node.tagName.toLowerCase();
      if (tags.includes(tag) || node.classList.contains("katex")) found.push(tag);
      for (const { name, value } of node.attributes) {
        if (name.startsWith("on")) found.push(`${tag} with ${name}`);
        if (["href", "src", "action"].includes(name) && value && foreign(value)) found.push(`${tag} to ${value}`);
      }
    }
  };
  look(document);
  return found;
}"""


def keep_hostile(folder: Path) -> list[tuple[str, tuple[tuple[str, ...], ...]]]:
    """Keep conversations in which every text that a model, an article or a person gives is a payload, or several.

    Return the id of each, and the payloads of each of its answers.
    """
    with Index.open(folder / "index").snapshot() as snapshot:
        article = snapshot.article("hostile")
    assert article is not None
    store = Store(folder / "conversations.sqlite")
    kept = []
    for batch in batched(batched(PAYLOADS, TOGETHER), BATCH):
        id_ = None
        for group in batch:
            question = "\n".join(group)
            id_, exchange = store.begin(question, id_)
            store.settle(exchange, answer_to_json(hostile_answer(group, article)), question)
        assert id_ is not None
        kept.append((id_, batch))
    store.settle(store.begin("What went wrong?")[1], None, error=HOSTILE)
    return kept


def batched(items: Iterable[T], size: int) -> list[tuple[T, ...]]:
    rest = iter(items)
    return list(iter(lambda: tuple(islice(rest, size)), ()))


def hostile_answer(group: Sequence[str], article: Article) -> Answer:
    """An answer with a claim and a citation for each payload, and an article that is in the archive for the first."""
    gone = [Article("gone", payload, payload, payload, payload, payload, (payload,), payload) for payload in group]
    cited = [Citation(n, a, 0, len(a.text), a.title) for n, a in enumerate([article, *gone], start=1)]
    lead = Claim(f"**{group[0]}**", "verbatim", 1.0, (1,))
    claims = [Claim(f"*{payload}*: {payload}", "unsupported", 0.1, (n,)) for n, payload in enumerate(group, start=2)]
    everything = "\n".join(group)
    return Answer(
        question=everything,
        standalone_question=everything,
        status="disputed",
        text="\n".join(f"{claim.text} [{claim.citations[0]}]" for claim in (lead, *claims)) + "\n" + everything,
        confidence=0.5,
        claims=(lead, *claims),
        citations=tuple(cited),
        hits=(Hit(1, 0.5, Passage(gone[0], 0, len(gone[0].text)), {}),),
        generator=everything,
        generation=1,
        disagreements=(Disagreement(everything, ((1,), (2,))),),
        notice=everything,
        timings_ms={"total": 1.0},
    )


def test_a_refusal_says_where_else_a_passage_stands(address: str, folder: Path, page: Page, seen: Seen) -> None:
    with Index.open(folder / "index").snapshot() as snapshot:
        article = snapshot.article("hostile")
    assert article is not None
    copy = Article("copy", "copy.txt", article.text, "Dry harbour")
    hit = Hit(1, 0.5, Passage(article, 0, 30), also=(Passage(copy, 0, 30),))
    refused = Answer("Wet?", "Wet?", "abstained", "No.", 0.1, (), (), (hit,), "extractive", 1)
    store = Store(folder / "conversations.sqlite")
    id_, exchange = store.begin("Wet?")
    store.settle(exchange, answer_to_json(refused), "3 passages of 2 articles")
    page.goto(f"{address}/?chat={id_}")
    nearest = page.locator("article.answer details[data-rank='1']")
    nearest.locator("summary").click()
    nearest.get_by_text("Also in: Dry harbour · publish date unknown", exact=True).wait_for()
    assert (seen.elsewhere, seen.complaints) == ([], [])


def test_nothing_hostile_is_rendered(address: str, folder: Path, page: Page, seen: Seen) -> None:
    for id_, groups in keep_hostile(folder):
        page.goto(f"{address}/?chat={id_}")
        page.locator("article.answer").nth(len(groups) - 1).wait_for()
        assert page.locator(".question").all_text_contents() == ["\n".join(group) for group in groups]
        headlines = page.locator(".sources .headline").all_text_contents()
        assert headlines == [title for group in groups for title in (HOSTILE, *group)]
        chips = page.locator(".claim .chip")
        settled(page)
        hover(page, chips.nth(0), page.get_by_role("tooltip"))
        for n, title in ((1, groups[0][0]), (0, HOSTILE)):
            chips.nth(n).click()
            page.locator(".pane h3", has_text=title).wait_for()
        page.get_by_role("button", name="Settings").click()
        page.get_by_text("When the archive is not sure").wait_for()
        assert page.evaluate(MARKUP) == []
    ask(page, PAYLOADS[0])
    page.locator(".question").last.get_by_text(PAYLOADS[0]).wait_for()

    page.get_by_role("link", name="Archive").click()
    page.get_by_text("not readable").first.wait_for()
    bars = page.locator(".st-key-glance .mark-rect path")
    bars.first.wait_for()
    settled(page)
    (bar,) = (bar for bar in bars.all() if HOSTILE in (bar.get_attribute("aria-label") or ""))
    card = page.locator("#vg-tooltip-element.visible")
    hover(page, bar, card)
    assert HOSTILE in card.locator(".value").all_inner_texts()
    assert page.evaluate(MARKUP) == []
    page.get_by_text("Add articles").click()
    page.get_by_label("Its title").fill(HOSTILE)
    page.get_by_label("Its outlet").fill(PAYLOADS[1])
    page.get_by_label("Or paste a text").fill("\n".join(PAYLOADS))
    page.keyboard.press("Control+Enter")
    draft = page.locator(".st-key-draft-0")
    draft.locator("summary").click()
    draft.get_by_test_id("stText").nth(3).wait_for()  # the words, after the name, the headline and what is known
    assert page.evaluate(MARKUP) == []
    assert (seen.elsewhere, seen.complaints) == ([], [])


def test_an_evaluation_shows_what_got_worse_first(address: str, folder: Path, page: Page, seen: Seen) -> None:
    exports = "What percentage of Canada's exports go to the United States?"
    questions = [{"question": payload, "kind": payload, "answer": payload} for payload in PAYLOADS[:TOGETHER]]
    lines = [*questions, {"id": "exports", "question": exports, "answer": "75%"}, {"question": HOSTILE}]
    data = "\n".join(map(json.dumps, lines)).encode()
    page.goto(address)
    page.get_by_role("link", name="Evaluation").click()
    page.get_by_text("Add a set of questions").click()
    page.locator("input[type=file]").set_input_files(
        {"name": "<b>mine.jsonl", "mimeType": "text/plain", "buffer": data}
    )
    while not (folder / "evaluations" / "sets" / "b-mine.jsonl").exists():
        page.wait_for_timeout(100)
    settled(page)
    page.get_by_role("button", name="Ask these questions").click()
    page.get_by_text(re.compile(rf"^{len(lines)} questions · ")).wait_for()
    page.locator(".st-key-outcomes-all").wait_for()

    # An earlier run is laid beside it, in which a question was answered right that is now answered wrong.
    (kept,) = (folder / "evaluations").glob("*-answers-b-mine.json")
    content = json.loads(kept.read_text(encoding="utf-8"))
    seeded = next(row for row in content["results"] if row["id"] == "1")
    seeded["answer_found"], seeded["status"], seeded["right"] = True, "answered", True
    earlier = kept.with_name(f"2026-01-02T030405Z{kept.name[18:]}")
    earlier.write_text(json.dumps(content | {"made": "2026-01-02T03:04:05Z"}), encoding="utf-8")
    page.reload()
    page.get_by_role("heading", name="1 answer got worse").wait_for()
    regression = page.locator(".st-key-outcomes-worse button")
    regression.first.wait_for()
    settled(page)
    assert regression.count() == 1
    assert regression.inner_text().endswith(f"✓ → ✗ {PAYLOADS[0]}")
    assert page.evaluate(
        "() => document.querySelector('.st-key-outcomes-worse')"
        ".compareDocumentPosition(document.querySelector('.st-key-outcomes-all')) & Node.DOCUMENT_POSITION_FOLLOWING"
    )
    regression.click()
    page.get_by_text("Before: ✓").wait_for()
    settled(page)
    assert page.evaluate(MARKUP) == []

    page.locator(".st-key-outcomes-all button", has_text="What percentage").click()
    page.get_by_text("Right answer: 75%").wait_for()
    page.locator("article.answer .claim .chip").first.wait_for()
    settled(page)
    page.locator("article.answer .claim .chip").first.click()
    mark = page.locator(".pane mark.current")
    mark.first.wait_for()
    assert "over 75% of Canadian exports" in "".join(mark.all_inner_texts())
    assert page.locator("[data-testid=stVegaLiteChart] :is(canvas, svg)").count() == 2
    assert page.evaluate(MARKUP) == []
    # Streamlit looks for its own files beside the address of a page that is opened by it, before it finds them.
    assert (seen.elsewhere, [c for c in seen.complaints if "404" not in c]) == ([], [])


def test_an_article_is_added_and_asked_about(browser: Browser) -> None:
    with chat_over("seeds") as (url, _), browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{url}/archive")
        page.get_by_text("Add articles").click()
        page.get_by_label("Its title").fill("A lighthouse in new colours")
        page.get_by_label("Or paste a text").fill(
            "The lighthouse of Quillan was painted green on Monday, its keeper said."
        )
        page.keyboard.press("Control+Enter")
        page.get_by_role("button", name="Add 1 file to the archive").click()
        page.get_by_text("Articles: 1 added, 5 unchanged.").wait_for()
        page.get_by_role("link", name="Chat").click()
        page.get_by_text("The archive: 6 articles").wait_for()
        ask(page, "What colour was the lighthouse of Quillan painted?")
        quote = page.locator("article.answer .sources blockquote").first
        quote.wait_for()
        assert quote.inner_text() == "The lighthouse of Quillan was painted green on Monday, its keeper said."


def violations(page: Page) -> list[str]:
    """What axe-core finds that is serious or worse: the rule, and the first element that breaks it."""
    settled(page)  # before that, what is being redrawn is pale
    page.add_script_tag(path=AXE)
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{rule['id']}: {rule['nodes'][0]['html'][:300]}"
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical")
    ]


# Asked in a page of its own each, so that neither the browser nor the server has seen anything of it before.
PACED = (
    "What percentage of Canada's exports go to the United States?",
    "How close is a deal on autos?",
    "What does Brian Kingston expect from the meeting?",
    "Whom is Carney meeting in Mexico City?",
    "What does the USMCA cover?",
)


@pytest.mark.slow
def test_it_is_quick(address: str, folder: Path, browser: Browser) -> None:
    """Log the figures of the README: `pytest tests/ui/test_browser.py -k quick -rP`; fail if ten times slower."""
    began, up, answered, clicks = time.monotonic(), 0.0, [], []
    with serving(folder) as url:
        for question in PACED:
            with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
                page = context.new_page()
                page.goto(url)
                page.get_by_text("The archive: 6 articles").wait_for()
                up = up or time.monotonic() - began
                asked = time.monotonic()
                ask(page, question)
                chip = page.locator("article.answer .claim .chip").first
                chip.wait_for()
                answered.append(time.monotonic() - asked)
                clicked = time.monotonic()
                chip.click()
                page.locator(".pane .position").get_by_text("Citation 1 of").wait_for()
                clicks.append(time.monotonic() - clicked)
    told = [f"{statistics.median(taken):.2f} s ({min(taken):.2f} to {max(taken):.2f})" for taken in (answered, clicks)]
    LOG.warning("page up after %.1f s, first answer after %s, a citation open after %s", up, *told)
    assert (up < 40, statistics.median(answered) < 10, statistics.median(clicks) < 3) == (True, True, True)
