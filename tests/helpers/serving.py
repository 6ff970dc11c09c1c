"""The chat's server for tests, as `onrecord ui` starts it."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

from rag.cli.chat_server import command

START_SECONDS = 600  # that the server may take


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The chat over what is in `folder` (seeds, index, conversations), from when it answers until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {"ONRECORD_INDEX": "index", "ONRECORD_SEEDS": "seeds"}
    with (folder / "server.log").open("a") as log:
        server = subprocess.Popen(command(port), cwd=folder, env={**os.environ, **places}, stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=20)


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server ended"
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"no answer from {url} in {START_SECONDS} s")
