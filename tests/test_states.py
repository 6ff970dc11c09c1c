"""Every state of the chat is open to everybody: axe-core in light and dark, wide and as narrow as a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests import pictures
from tests.pictures import ARCHIVES, NARROW, SCENES, WIDE, chat_over, on_page
from tests.test_browser import AXE, CHROMIUM, browser, violations

__all__ = ["browser"]  # a fixture

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}"),
    pytest.mark.skipif(not AXE.exists(), reason=f"no axe-core at {AXE}"),
]


@pytest.mark.parametrize("archive", ARCHIVES)
def test_nobody_is_shut_out(browser: Browser, archive: str) -> None:
    found = []
    with chat_over(archive) as (url, folder):
        for scene in SCENES:
            if scene.archive == archive and scene.act is not pictures.building:  # which is over too soon
                with on_page(browser, scene, url, folder, "light", WIDE) as page:
                    found += [f"{scene.name}, light: {wrong}" for wrong in violations(page)]
                    page.emulate_media(color_scheme="dark")
                    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
                    pictures.settled(page)
                    found += [f"{scene.name}, dark: {wrong}" for wrong in violations(page)]
    assert found == []
