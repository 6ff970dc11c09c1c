"""What the rows share: a small archive, child processes, and the expected state of an index.

Each build and each read of an index runs in a process of its own. The parent only imports, and never builds or
searches. So a forked child starts in milliseconds, and inherits no threads of FAISS or tantivy, which fork breaks.
"""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import signal
import socket
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256  # ours, whatever is done to the product's
from pathlib import Path
from random import Random
from typing import Any

import faiss  # noqa: F401 - so that no child imports it
import tantivy  # noqa: F401

import rag.cli.output
import rag.index.build
import rag.index.repair
from rag.cli import main
from rag.errors import IndexMissingError, OnRecordError
from rag.index.build import build
from rag.index.check import check
from rag.index.reader import Index
from rag.ingest import chunking, cleaning
from rag.ingest.loaders import Source
from rag.query.analysis import analyse
from rag.retrieval.hybrid import retrieve
from tests.conftest import HashEncoder

PATIENCE = 120.0  # seconds after which a child hangs
QUERIES = ("harbour strike", "the minister of number 3", "prices of grain", "Nobody spoke", "story 11")


class Encoder(HashEncoder):
    """The tests' encoder, which computes the vector of a word once."""

    _word = cache(HashEncoder._word)


ENCODER = Encoder()


@dataclass
class Tally:
    """How often a promise was tried, and each case in which it was broken."""

    tried: int = 0
    lost: list[str] = field(default_factory=list)
    note: str = ""

    def count(self, problem: str) -> None:
        self.tried += 1
        if problem:
            self.lost.append(problem)


@dataclass(frozen=True)
class Bench:
    """Where and how a row runs.

    Attributes:
        broken: makes the product break its promise inside a `with` block; None for the product itself.
    """

    folder: Path
    random: Random
    trials: int
    broken: Callable[[], AbstractContextManager[None]] | None = None

    def product(self) -> AbstractContextManager[None]:
        """Return the context of the product, or of the broken product; enter it in a child only."""
        return self.broken() if self.broken else nullcontext()

    def each(self, tally: Tally, cases: Sequence[Any] | None = None) -> Iterator[Any]:
        """Yield the cases to try; for a broken product, stop after the first loss."""
        chosen: Sequence[Any] = range(self.trials)
        if cases is not None:
            chosen = cases if len(cases) <= self.trials else self.random.sample(cases, self.trials)
        for case in chosen:
            if self.broken and tally.lost:
                return
            yield case

    def path(self, name: str) -> Path:
        """Return a path in the folder where nothing exists."""
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        return path


# Children


@dataclass(frozen=True)
class Outcome:
    """How a child ended: with a value, with an error for the user, or badly."""

    value: Any = None
    error: str = ""  # one line for the user
    bad: str = ""  # a traceback, a signal, or that it hung


class Child:
    """A forked process that does one thing; with `held` it waits for `go`."""

    def __init__(self, work: Callable[[], Any], held: bool = False) -> None:
        self._socket, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self._socket.close()
            _live(work, theirs, held)
        theirs.close()

    def go(self) -> None:
        self._socket.sendall(b"!")

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def outcome(self, seconds: float = PATIENCE) -> Outcome:
        self._socket.settimeout(seconds)
        data = b""
        try:
            while block := self._socket.recv(1 << 16):
                data += block
        except TimeoutError:
            self.kill()
            os.waitpid(self.pid, 0)
            return Outcome(bad=f"hung for {seconds:.0f} s")
        finally:
            self._socket.close()
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSIGNALED(status):
            return Outcome(bad=signal.Signals(os.WTERMSIG(status)).name)
        return Outcome(**json.loads(data)) if data else Outcome(bad=f"ended with status {status}")


def _live(work: Callable[[], Any], parent: socket.socket, held: bool) -> None:
    """Do the work, send its outcome through the socket, and end the process. No row disturbs calls of sockets."""
    outcome: dict[str, Any] = {}
    try:
        if held:
            parent.recv(1)
        outcome["value"] = work()
    except OnRecordError as error:
        outcome["error"] = f"{type(error).__name__}: {error}"
    except BaseException:
        outcome["bad"] = traceback.format_exc()
    try:
        parent.sendall(json.dumps(outcome).encode())
    finally:
        os._exit(0)


def in_child(work: Callable[[], Any]) -> Any:
    """Return the result of the work.

    Raises:
        RuntimeError: the work failed.
    """
    outcome = Child(work).outcome()
    if outcome.error or outcome.bad:
        raise RuntimeError(outcome.error or outcome.bad)
    return outcome.value


def warm() -> None:
    """Do once what every first build in a process does and starts no threads: above all, import."""
    article = cleaning.clean(Source("a1", "a.txt", "text", "A story about the harbour. It has two sentences."))
    list(chunking.split(article))
    ENCODER.encode([article.text])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


# Archives and indexes


def story(number: int, version: int) -> str:
    random = Random(number * 1000 + version)
    words = "harbour strike minister grain prices railway north port lobster talks snow schools weather fuel".split()
    lines = [
        f"Paragraph {n} of story {number} says that {' '.join(random.sample(words, 6))} were number {number * version}."
        for n in range(4)
    ]
    return "\n".join(lines) + "\n"


def write(archive: Path, stories: dict[int, int]) -> Path:
    """Fill the folder with these stories only: number -> version."""
    shutil.rmtree(archive, ignore_errors=True)
    archive.mkdir(parents=True)
    for number, version in stories.items():
        (archive / f"story{number}.txt").write_text(story(number, version))
    return archive


OLD = dict.fromkeys(range(12), 1)
NEW = {**dict.fromkeys(range(2, 10), 1), 1: 2, 3: 2, **dict.fromkeys(range(12, 16), 1)}


def state(index: Path, queries: Sequence[str] = QUERIES) -> str:
    """Return a digest of an index: its articles, their passages, and the results of the queries."""
    with Index.open(index, ENCODER).snapshot() as snapshot:
        content: list[Any] = [
            [repr(article), [(p.start, p.end, p.text) for p in snapshot.article_passages(article)]]
            for article in snapshot.articles()
        ]
        for query in queries:
            hits = retrieve(snapshot, ENCODER, analyse(query))
            content.append([(hit.passage.article.path, hit.passage.text, round(hit.score, 5)) for hit in hits])
    return sha256(json.dumps(content).encode()).hexdigest()


def state_or_none(index: Path) -> str | None:
    try:
        return state(index)
    except IndexMissingError:
        return None


def make(archive: Path, index: Path) -> None:
    build(archive, index, ENCODER)


def build_in_windows(archive: Path, index: Path) -> None:
    """Build as if there were many texts to encode: the lexical index first, the vectors in growing batches."""
    for name, value in {"MANY_TEXTS": 4, "ENCODE_WINDOW": 4, "COMMIT_SECONDS": 0.0}.items():
        setattr(rag.index.build, name, value)
    make(archive, index)


def made(archive: Path, index: Path) -> str:
    make(archive, index)
    return state(index)


@dataclass(frozen=True)
class Stage:
    """An archive that has changed since its index was built.

    Attributes:
        archive: in its new state.
        index: built from the old state of the archive.
        before, after: states of the index now and after another build.
        seconds: that this build takes.
    """

    archive: Path
    index: Path
    before: str
    after: str
    seconds: float

    def copy(self, name: str) -> Path:
        target = self.index.with_name(name)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.index, target)
        return target


def stage(bench: Bench) -> Stage:
    archive, index = bench.folder / "seeds", bench.path("index")
    write(archive, dict.fromkeys(OLD, 0))
    in_child(lambda: make(archive, index))  # so that the index has an older generation
    before = in_child(lambda: made(write(archive, OLD), index))
    write(archive, NEW)
    trial = bench.path("uninterrupted")
    shutil.copytree(index, trial)
    started = time.monotonic()
    in_child(lambda: make(archive, trial))
    seconds = time.monotonic() - started
    return Stage(archive, index, before, in_child(lambda: state(trial)), seconds)


def judge(stage: Stage, index: Path, before: str | None, allowed: tuple[str | None, ...] | None = None) -> str:
    """Return what is wrong after a build of the stage was interrupted or failed; empty when nothing is.

    The index must be in the state `before` (None: there is no index) or after, `check` must find nothing, and the next
    build must give the state of an uninterrupted build.
    """

    def look() -> str:
        now = state_or_none(index)
        if now not in (allowed or (before, stage.after)):
            return "is in the state of neither generation"
        if now is not None and (problems := check(index)):
            return f"check finds: {problems[0].what}"
        if made(stage.archive, index) != stage.after:
            return "the next build gives another state"
        if problems := check(index):
            return f"check finds after the next build: {problems[0].what}"
        return ""

    outcome = Child(look).outcome()
    return str(outcome.error or outcome.bad or outcome.value)


# The command line


def run_command(*arguments: str) -> dict[str, Any]:
    """Run a command in this process, and return its status, stdout, stderr."""
    os.environ["ONRECORD_ENCODER"] = ENCODER.name
    for module in rag.index.build, rag.index.repair:
        module.load_encoder = lambda name="", many=False: ENCODER  # type: ignore[attr-defined]
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        status = main.main(arguments)
    return {"status": status, "out": out.getvalue(), "err": err.getvalue()}


def build_command(stage: Stage, index: Path) -> dict[str, Any]:
    return run_command("build", "--json", "--seeds", str(stage.archive), "--index", str(index))


def judge_command(stage: Stage, index: Path, outcome: Outcome) -> str:
    """Return what is wrong after a build command on a failing system; empty when nothing is.

    A command that fails must say why in one line, and leave a valid index. A command that succeeds must have made the
    new generation, or name the files that it could not read.
    """
    if outcome.bad or outcome.error:
        return outcome.bad or outcome.error
    command = outcome.value
    allowed: tuple[str | None, ...] = (stage.before, stage.after)
    if command["status"] == 0:
        allowed = (stage.after,)
        if json.loads(command["out"])["failures"]:
            seen = Child(lambda: state_or_none(index)).outcome()
            if seen.error or seen.bad:
                return seen.error or seen.bad
            allowed = (seen.value,)
    elif command["status"] != 1 or not command["err"].startswith("onrecord: ") or command["err"].count("\n") != 1:
        return f"status {command['status']}, with the message: {command['err']}"
    return judge(stage, index, stage.before, allowed)
