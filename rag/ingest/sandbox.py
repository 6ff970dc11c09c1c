"""Parse HTML and Markdown in a child process, so that a crash, a hang or too much memory costs one article only.

The parsers take quadratic time, or worse, over some input that anybody can write. The child reads one request a line
and answers it in one line; both are JSON. The parent kills it when it takes too long.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from threading import Lock, Timer
from typing import IO

from rag.errors import SourceError
from rag.ingest.markup import Kind, Page, read_page

TIME_LIMIT = 30.0  # seconds for one article; a news page takes a tenth of one
MEMORY_LIMIT = 2 << 30  # bytes of address space for the child
# What Python needs to start. The parent has API keys in its environment; code that parses foreign pages gets none.
ALLOWED_VARIABLES = frozenset(
    "HOME LANG LANGUAGE LC_ALL LC_CTYPE LD_LIBRARY_PATH DYLD_LIBRARY_PATH PATH PYTHONDONTWRITEBYTECODE PYTHONHOME "
    "PYTHONPATH SYSTEMROOT TEMP TMP TMPDIR TZ VIRTUAL_ENV".split()
)


class Child:
    """A process that parses pages. It starts with the first request, and again after it died."""

    def __init__(self, time_limit: float = TIME_LIMIT) -> None:
        self.time_limit = time_limit
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def read_page(self, kind: Kind, text: str) -> Page:
        """Do what `markup.read_page` does, within the limits of time and memory.

        Raises:
            SourceError: the page holds no article text, or the limits were not enough.
        """
        with self._lock:
            answer = self._ask(json.dumps([kind, text]).encode() + b"\n")
        reply = json.loads(answer)
        if "error" in reply:
            raise SourceError(reply["error"])
        lines = [(number, line) for number, line in reply["lines"]]
        removed = [(number, line, reason) for number, line, reason in reply["removed"]]
        return Page(lines, reply["fields"], reply["provenance"], removed, reply["notes"])

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process:
            self._process.kill()
            self._process.communicate()
        self._process = None

    def _ask(self, request: bytes) -> bytes:
        """Send one request line and return the answer line, both with their line end."""
        if self._process and self._process.poll() is not None:
            self.close()  # it died since the last request
        process = self._process = self._process or _start()
        assert process.stdin
        assert process.stdout
        timer = Timer(self.time_limit, process.kill)
        timer.daemon = True
        timer.start()
        try:
            process.stdin.write(request)
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        except BaseException:
            self.close()  # or the next request would get the answer to this one
            raise
        finally:
            expired = not timer.is_alive()
            timer.cancel()
        if not answer.endswith(b"\n"):
            self.close()
            raise SourceError(
                f"took longer than {self.time_limit:g} s to parse" if expired else "the parser crashed on it"
            )
        return answer


def _start() -> subprocess.Popen[bytes]:
    """Start the child with the allowed variables only, and with this package on its path."""
    environment = {name: value for name, value in os.environ.items() if name.upper() in ALLOWED_VARIABLES}
    package = str(Path(__file__).resolve().parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package, environment.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "rag.ingest.sandbox"],  # -P: import nothing from the current folder
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until there are no more. The child runs this."""
    for line in requests:
        kind, text = json.loads(line)
        try:
            reply = asdict(read_page(kind, text))
        except SourceError as error:
            reply = {"error": str(error)}
        except Exception as error:
            reply = {"error": f"the parser failed on it ({type(error).__name__})"}
        answers.write(json.dumps(reply).encode() + b"\n")
        answers.flush()


def _limit_memory() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))


_child = Child()
atexit.register(_child.close)
read_page_isolated = _child.read_page


if __name__ == "__main__":
    _limit_memory()
    serve(sys.stdin.buffer, sys.stdout.buffer)
