"""The command that starts the chat. It names the page's file and never imports it."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from rag.errors import ConfigError

# Streamlit reads its options from a file in the working folder, which does not travel with an installed package.
OPTIONS = {
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "client.toolbarMode": "minimal",
    "runner.magicEnabled": "false",
    "server.address": "127.0.0.1",
    "server.enableCORS": "true",
    "server.enableStaticServing": "false",
    "server.enableXsrfProtection": "true",
    "server.fileWatcherType": "none",
    "server.maxUploadSize": "1",  # megabytes; nothing is uploaded
    "server.showEmailPrompt": "false",
    "theme.headingFont": "serif",
    "theme.light.linkColor": "#1d4e89",
    "theme.light.primaryColor": "#1d4e89",
    "theme.dark.linkColor": "#8ab8ee",
    "theme.dark.primaryColor": "#8ab8ee",
}
# Pages of other sites reach 127.0.0.1 by a name of their own that resolves to it: only these names are answered.
HOSTS = ("localhost", "127.0.0.1")


def command(port: int | None = None, headless: bool = False) -> list[str]:
    """The command line that serves the chat on this computer alone.

    Args:
        port: 1 to 65535; None lets Streamlit take 8501 or the next free one.
        headless: do not open a browser window.

    Raises:
        ConfigError: the page's file is not where this package is.
    """
    options = [f"--{name}={value}" for name, value in OPTIONS.items()]
    options += [f"--server.allowedHosts={host}" for host in HOSTS]
    options.append(f"--server.headless={str(headless).lower()}")
    if port is not None:
        options.append(f"--server.port={port}")
    return [sys.executable, "-m", "streamlit", "run", str(page()), *options]


def page() -> Path:
    """The file that Streamlit runs: of the installed package, or of the checkout around it."""
    installed = find_spec("rag.ui")
    folders = [Path(installed.origin).parent] if installed is not None and installed.origin else []
    folders.append(Path(__file__).resolve().parent.parent / "ui")
    for folder in folders:
        if (folder / "app.py").is_file():
            return folder / "app.py"
    raise ConfigError(f"the chat's page is not in {folders[-1]}: install onrecord again")
