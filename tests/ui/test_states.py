"""Every state of the chat is accessible: axe-core in light and dark, wide and as narrow as a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.helpers import pictures
from tests.helpers.pictures import ARCHIVES, NARROW, SCENES, WIDE, chat_over
from tests.ui.test_browser import AXE, CHROMIUM, browser, violations

__all__ = ["browser"]  # a fixture

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}"),
    pytest.mark.skipif(not AXE.exists(), reason=f"no axe-core at {AXE}"),
]


# A state is looked at once; that of an archive being built is over too soon.
STATES = {(scene.archive, scene.act): scene for scene in SCENES if scene.act is not pictures.building}
SHOWN = [name for name in ARCHIVES if any(archive == name for archive, _ in STATES)]


@pytest.mark.parametrize("archive", SHOWN)
def test_nobody_is_shut_out(browser: Browser, archive: str) -> None:
    found = []
    scenes = [scene for scene in STATES.values() if scene.archive == archive]
    with chat_over(archive) as (url, folder), browser.new_context(reduced_motion="reduce", bypass_csp=True) as context:
        for scene in scenes:
            with context.new_page() as page:
                look(page, "light", WIDE)
                pictures.play(page, scene, url, folder)
                found += [f"{scene.name}, light: {wrong}" for wrong in violations(page)]
                look(page, "dark", NARROW)
                pictures.settled(page)
                found += [f"{scene.name}, dark: {wrong}" for wrong in violations(page)]
    assert found == []


def look(page: Page, scheme: pictures.Scheme, size: tuple[int, int]) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": size[0], "height": size[1]})
