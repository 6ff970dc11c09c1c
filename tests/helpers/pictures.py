"""Pictures of every state of the chat, taken anew: `python -m tests.helpers.pictures` writes those of `docs/`.

`python -m tests.helpers.pictures --look FOLDER` takes each of them four times, light and dark, wide and as narrow as a
phone, to be looked at before anything of the page is called done.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from rag.index.build import build
from rag.index.catalog import CATALOG_FILE
from tests.conftest import SEEDS
from tests.helpers.serving import serving

DOCS = Path(__file__).resolve().parents[2] / "docs" / "images"
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
WIDE, NARROW = (1280, 800), (390, 760)  # pixels
COLOURS = 128  # of a picture: text stays sharp in as many, and a page is some 30 kB
PATIENCE_MS = 600_000
EXPORTS = "What percentage of Canada's exports go to the United States?"
AUTOS = "How close is a deal on autos?"
AGE = "How old is Dominic LeBlanc?"
FERRY = "What is known about the ferry to Telwick?"
NOBODY = "openai:a-model@http://127.0.0.1:9/v1"  # where no server listens
QUESTIONS = [
    {"question": EXPORTS, "answer": "75%"},
    {"question": "Whom is Carney meeting in Mexico City?", "answer": "Claudia Sheinbaum"},
    {"question": "What does Brian Kingston expect from the meeting?", "answer": "a signed agreement"},
    {"question": AGE, "need": 0},
    {"question": "When did Lutnick sign the auto agreement?", "need": 0},
]
# Invented, dated and of three outlets: the seeds carry no dates, so that nothing of time could be shown with them.
NEWS = Path(__file__).with_name("news.jsonl")

Scheme = Literal["light", "dark"]


@dataclass(frozen=True)
class Scene:
    """A state of the page.

    Attributes:
        archive: over which it is shown; the scenes of one share a server.
        act: brings the page from its address to the state.
        scheme, size: of its picture in `docs/`.
        shown: whether it has one.
    """

    name: str
    archive: str
    act: Callable[[Page, str, Path], None]
    scheme: Scheme = "light"
    size: tuple[int, int] = WIDE
    shown: bool = True


# Archives


def empty(folder: Path) -> None:
    (folder / "seeds").mkdir()


def seeds(folder: Path) -> None:
    shutil.copytree(SEEDS, folder / "seeds")
    build(folder / "seeds", folder / "index")


def nothing_in_it(folder: Path) -> None:
    """An index whose articles have all gone from the folder."""
    seeds(folder)
    for path in (folder / "seeds").iterdir():
        path.unlink()
    build(folder / "seeds", folder / "index")


def unbuilt(folder: Path) -> None:
    shutil.copytree(SEEDS, folder / "seeds")


def damaged(folder: Path) -> None:
    seeds(folder)
    catalog = folder / "index" / CATALOG_FILE
    data = bytearray(catalog.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    catalog.write_bytes(data)


def large(folder: Path) -> None:
    """As many files as keep a build busy for as long as a picture takes."""
    empty(folder)
    for part in range(60):
        rows = [
            {"id": f"{part}-{n}", "title": f"Report {n}", "text": f"Rain fell in district {n}. " * 20}
            for n in range(150)
        ]
        (folder / "seeds" / f"{part}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def dated(folder: Path) -> None:
    """The invented articles, and a file that is none."""
    empty(folder)
    shutil.copy(NEWS, folder / "seeds")
    (folder / "seeds" / "scan.tiff").write_bytes(b"II*\0")
    build(folder / "seeds", folder / "index")


ARCHIVES: dict[str, Callable[[Path], None]] = {
    "seeds": seeds,
    "model": seeds,
    "nothing": nothing_in_it,
    "unbuilt": unbuilt,
    "damaged": damaged,
    "large": large,
    "dated": dated,
}


# States


def welcome(page: Page, url: str, _: Path) -> None:
    page.goto(url)
    page.get_by_text("The archive: ").wait_for()


def ask(page: Page, question: str) -> None:
    """Ask, and wait for the answer."""
    before = page.locator("article.answer").count()
    box = page.get_by_placeholder("Ask about the articles")
    box.fill(question)
    box.press("Enter")
    page.locator("article.answer").nth(before).wait_for()


def asked(question: str) -> Callable[[Page, str, Path], None]:
    def act(page: Page, url: str, folder: Path) -> None:
        welcome(page, url, folder)
        ask(page, question)

    return act


def answer_with_article(page: Page, url: str, folder: Path) -> None:
    asked(EXPORTS)(page, url, folder)
    page.locator("article.answer .claim .chip").first.click()
    page.locator(".pane mark.current").first.wait_for()


def refused(page: Page, url: str, folder: Path) -> None:
    asked(AGE)(page, url, folder)
    page.locator("details[data-rank='1'] summary").click()


def why(page: Page, url: str, folder: Path) -> None:
    asked(EXPORTS)(page, url, folder)
    page.get_by_text("Why these passages?").click()
    page.get_by_test_id("stDataFrame").wait_for()


def editing(page: Page, url: str, folder: Path) -> None:
    asked(EXPORTS)(page, url, folder)
    page.get_by_role("button", name="Edit the question").click()
    page.get_by_role("button", name="Cancel").wait_for()


def one_of_many(page: Page, url: str, folder: Path) -> None:
    """A long conversation, with what can be done with it."""
    welcome(page, url, folder)
    for question in (EXPORTS, "Who said that?", AGE):
        ask(page, question)
    settled(page)
    open_sidebar(page)
    page.get_by_role("button", name="This conversation").click()
    page.get_by_text("Export as Markdown").wait_for()


def settings(page: Page, url: str, folder: Path) -> None:
    welcome(page, url, folder)
    open_sidebar(page)
    page.get_by_role("button", name="Settings").click()
    page.get_by_text("When the archive is not sure").wait_for()


def open_sidebar(page: Page) -> None:
    settled(page)
    if (page.viewport_size or {"width": 0})["width"] < 768:  # where Streamlit keeps it away until it is asked for
        page.get_by_test_id("stExpandSidebarButton").click()
        page.wait_for_timeout(500)


def missing(page: Page, url: str, folder: Path) -> None:
    shutil.rmtree(folder / "index", ignore_errors=True)
    page.goto(url)
    page.get_by_text("There is no index yet").wait_for()


def building(page: Page, url: str, folder: Path) -> None:
    missing(page, url, folder)
    page.get_by_role("button", name="Build the index").click()
    page.get_by_text(re.compile(r"Building the index: [\w ]+, [\d,]+ of")).wait_for()


def broken(page: Page, url: str, _: Path) -> None:
    page.goto(url)
    page.get_by_text("The index is damaged").wait_for()


def archive(page: Page, url: str, _: Path) -> None:
    page.goto(f"{url}/archive")
    page.get_by_role("heading", name="Articles").wait_for()


def adding(page: Page, url: str, folder: Path) -> None:
    archive(page, url, folder)
    page.get_by_text("Add articles").click()
    page.get_by_label("Its title").fill("Ferry tickets")
    page.get_by_label("Or paste a text").fill("Tickets for the ferry cost 22 dollars.\n\nLeave a Reply")
    page.keyboard.press("Control+Enter")
    page.locator(".st-key-draft-0").wait_for()
    page.get_by_text("What would be added").click()


def look(page: Page, url: str, _: Path) -> None:
    page.goto(f"{url}/archive")
    page.locator(".st-key-glance .mark-rect path").nth(5).wait_for()
    settled(page)
    page.get_by_role("heading", name="Coverage").scroll_into_view_if_needed()
    page.evaluate("() => [...document.querySelectorAll('h3')].find(h => h.innerText == 'Coverage').scrollIntoView()")


def evaluation(page: Page, url: str, folder: Path) -> None:
    sets = folder / "evaluations" / "sets"
    sets.mkdir(parents=True, exist_ok=True)
    (sets / "trade.jsonl").write_text("\n".join(map(json.dumps, QUESTIONS)), encoding="utf-8")
    page.goto(f"{url}/evaluation")
    page.get_by_role("combobox", name="Set of questions").click()
    page.get_by_role("option", name="trade").click()
    settled(page)
    if not page.locator(".st-key-outcomes-all").is_visible():
        page.get_by_role("button", name="Ask these questions").click()
    page.locator(".st-key-outcomes-all").wait_for()


def outcome(page: Page, url: str, folder: Path) -> None:
    evaluation(page, url, folder)
    page.locator(".st-key-outcomes-all button").first.click()
    page.locator("article.answer .claim .chip").first.click()
    page.locator(".pane mark.current").first.wait_for()


SCENES = (
    Scene("chat", "seeds", answer_with_article),
    Scene("dark", "seeds", answer_with_article, "dark"),
    Scene("phone", "seeds", answer_with_article, "light", NARROW),
    Scene("refusal", "seeds", refused),
    Scene("disputed", "seeds", asked(AUTOS)),
    Scene("welcome", "seeds", welcome),
    Scene("evaluation", "seeds", evaluation),
    Scene("settings", "seeds", settings),  # which tell what an evaluation found
    Scene("why", "seeds", why, shown=False),
    Scene("editing", "seeds", editing, shown=False),
    Scene("conversation", "seeds", one_of_many, shown=False),
    Scene("outcome", "seeds", outcome, shown=False),
    Scene("model-failed", "model", asked(EXPORTS)),
    Scene("index-empty", "nothing", welcome),
    Scene("index-missing", "unbuilt", missing),
    Scene("index-building", "large", building),
    Scene("index-damaged", "damaged", broken),
    Scene("archive", "dated", archive),
    Scene("adding", "dated", adding, shown=False),
    Scene("look", "dated", look),
    Scene("timeline", "dated", asked(FERRY)),
)


# Taking them

# Whether what moves has come to rest; a wheel that turns for ever is not waited for.
AT_REST = """() => document.getAnimations().every((moving) =>
  moving.playState !== "running" || moving.effect.getComputedTiming().endTime === Infinity)"""


def settled(page: Page) -> None:
    """Wait until the page is drawn to its end, and what moves has come to rest."""
    page.locator("[data-test-script-state=notRunning]").wait_for()
    page.wait_for_function("() => !document.querySelector('[data-stale=true], [data-testid=stSkeleton]')")
    page.wait_for_timeout(200)
    page.wait_for_function(AT_REST)


@contextmanager
def on_page(
    browser: Browser, scene: Scene, url: str, folder: Path, scheme: Scheme, size: tuple[int, int]
) -> Iterator[Page]:
    """A page in that state."""
    viewport = {"width": size[0], "height": size[1]}
    with browser.new_context(
        viewport=viewport,  # type: ignore[arg-type]
        color_scheme=scheme,
        reduced_motion="reduce",
        bypass_csp=True,
    ) as context:
        page = context.new_page()
        play(page, scene, url, folder)
        yield page


def play(page: Page, scene: Scene, url: str, folder: Path) -> None:
    """Bring a page to that state."""
    page.set_default_timeout(PATIENCE_MS)
    scene.act(page, url, folder)
    if scene.act is building:  # it is not to come to rest
        page.wait_for_timeout(300)
    else:
        settled(page)


def small(png: bytes) -> bytes:
    """The same picture in few colours."""
    out = BytesIO()
    Image.open(BytesIO(png)).convert("RGB").quantize(COLOURS).save(out, "PNG", optimize=True)
    return out.getvalue()


@contextmanager
def chat_over(archive: str) -> Iterator[tuple[str, Path]]:
    """The chat over an archive of this kind, made anew, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="onrecord-pictures-") as name:
        folder = Path(name) / "news"  # the page tells where its index is
        folder.mkdir()
        ARCHIVES[archive](folder)
        kept = os.environ.copy()
        os.environ.update({"ONRECORD_LLM": NOBODY} if archive == "model" else {})
        try:
            with serving(folder) as url:
                yield url, folder
        finally:
            os.environ.clear()
            os.environ.update(kept)


def take(scenes: Sequence[Scene], out: Path, every: bool) -> None:
    """Take the pictures into the folder `out`; `every` says: each light and dark, wide and narrow."""
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for archive, group in groupby(
            sorted(scenes, key=lambda s: list(ARCHIVES).index(s.archive)), lambda s: s.archive
        ):
            with chat_over(archive) as (url, folder):
                for scene in group:
                    for name, scheme, size in shots(scene, every):
                        with on_page(browser, scene, url, folder, scheme, size) as page:
                            data = small(page.screenshot())
                        (out / f"{name}.png").write_bytes(data)
                        sys.stderr.write(f"{name}.png {len(data) // 1000} kB\n")
        browser.close()


def shots(scene: Scene, every: bool) -> Iterator[tuple[str, Scheme, tuple[int, int]]]:
    """Name, scheme and size of the pictures of a scene."""
    if not every:
        yield scene.name, scene.scheme, scene.size
        return
    schemes: tuple[Scheme, ...] = ("light", "dark")
    for scheme in schemes:
        for size in (WIDE, NARROW):
            yield f"{scene.name}-{scheme}-{size[0]}", scheme, size


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.helpers.pictures", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("names", nargs="*", choices=[[], *(scene.name for scene in SCENES)], help="all unless named")
    parser.add_argument("--look", type=Path, metavar="FOLDER", help="take each four times, into this folder")
    given = parser.parse_args(arguments)
    scenes = [s for s in SCENES if s.name in given.names or (not given.names and (s.shown or given.look))]
    take(scenes, given.look or DOCS, every=given.look is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
