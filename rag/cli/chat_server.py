"""`onrecord ui`: starts the server of the chat. It names the file of the page and never imports it."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from rag.cli.options import Commands, add_command, add_seeds_option, positive
from rag.cli.output import print_message
from rag.config import Settings
from rag.errors import ConfigError

# Streamlit reads its options from a file in the working folder. An installed package has no such file.
OPTIONS = {
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "client.toolbarMode": "minimal",
    "logger.hideWelcomeMessage": "true",
    "logger.level": "warning",
    "runner.magicEnabled": "false",
    "server.address": "127.0.0.1",
    "server.enableCORS": "true",
    "server.enableStaticServing": "false",
    "server.enableXsrfProtection": "true",
    "server.fileWatcherType": "none",
    "server.headless": "true",  # else the page advertises Streamlit's own tools; the browser is opened here
    "server.maxUploadSize": "20",  # megabytes: the longest article that is read
    "server.showEmailPrompt": "false",
    "theme.headingFont": "serif",
    "theme.light.linkColor": "#1d4e89",
    "theme.light.primaryColor": "#1d4e89",
    "theme.dark.linkColor": "#8ab8ee",
    "theme.dark.primaryColor": "#8ab8ee",
}
PORTS = range(8501, 8600)  # tried in this order where no port is named
# A page of another site can reach 127.0.0.1 by a name of its own that resolves to it, so only these names are served.
HOSTS = ("localhost", "127.0.0.1")


def add(commands: Commands) -> None:
    """Add the parser of `ui`."""
    parser = add_command(commands, "ui", run, "open the chat in the browser", json_option=False)
    add_seeds_option(parser)
    parser.add_argument(
        "--port", type=positive, metavar="N", help="port on 127.0.0.1 (default 8501, or the next free one)"
    )
    parser.add_argument("--headless", action="store_true", help="do not open a browser")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Serve the chat until it ends, and return the exit status."""
    environment = {
        **os.environ,
        "ONRECORD_INDEX": str(settings.index.resolve()),
        "ONRECORD_SEEDS": str(settings.seeds.resolve()),
    }
    return serve(options.port, not options.headless, environment, print_message)


def serve(port: int | None, browse: bool, environment: Mapping[str, str], report: Callable[[str], None]) -> int:
    """Serve the chat until it ends, and return its exit status.

    Args:
        port: 1 to 65535; None takes 8501 or the next free one.
        browse: open a browser window once the chat answers, where there is a desktop.
        environment: the environment of the server; its `ONRECORD_*` set the same options as here.
        report: gets one line with the address of the chat.

    Raises:
        ConfigError: no port is free, or the file of the page is not installed beside this package.
    """
    port = port or _free_port()
    server = subprocess.Popen(command(port), env=environment)  # noqa: S603 - our own command
    signal.signal(signal.SIGTERM, lambda number, frame: server.terminate())
    try:
        if _answers(port, server):
            report(f"On Record answers at http://localhost:{port} (Ctrl+C ends it)")
            if browse and (sys.platform != "linux" or os.environ.keys() & {"DISPLAY", "WAYLAND_DISPLAY"}):
                webbrowser.open(f"http://localhost:{port}")
        return server.wait()
    except KeyboardInterrupt:
        server.wait()
        return 0


def command(port: int) -> list[str]:
    """Return the command line that serves the chat to this computer alone.

    Raises:
        ConfigError: the file of the page is not installed beside this package.
    """
    options = [f"--{name}={value}" for name, value in OPTIONS.items()]
    options += [f"--server.allowedHosts={host}" for host in HOSTS]
    return [sys.executable, "-m", "ui.server", "run", str(page()), *options, f"--server.port={port}"]


def _free_port() -> int:
    for port in PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ConfigError(f"ports {PORTS[0]} to {PORTS[-1]} are all taken: name another one with --port")


def _answers(port: int, server: subprocess.Popen[bytes]) -> bool:
    """Wait until the server answers. Return False when it ends instead, as it does where its port is taken."""
    while server.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
        except OSError:
            time.sleep(0.2)
    return False


def page() -> Path:
    """Return the file that Streamlit runs.

    It stands in `ui/pages/` itself: beside that folder, Streamlit would take the files there for pages of its own.

    Raises:
        ConfigError: the file is not installed beside this package.
    """
    package = find_spec("ui")
    script = Path(package.origin).parent / "pages" / "app.py" if package is not None and package.origin else None
    if script is None or not script.is_file():
        raise ConfigError("the chat’s pages are not installed: install onrecord again")
    return script
