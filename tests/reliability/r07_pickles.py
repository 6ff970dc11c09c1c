"""R7: pickles in the place of index files, with matching checksums, are never loaded."""

from __future__ import annotations

import hashlib
import pickle
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from rag.errors import OnRecordError
from rag.index.catalog import CATALOG_FILE
from rag.index.check import check
from rag.index.repair import repair
from tests.reliability.bench import ENCODER, Bench, Child, Tally, in_child, make, stage, state
from tests.test_layout import modules, unsafe


class Canary:
    """Leaves a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.mark,)


def run(bench: Bench) -> Tally:
    tally, ready = Tally(), stage(bench)
    for module, tree in modules().items() if not bench.broken else ():
        tally.count(f"{module}: {found}" if (found := unsafe(tree)) else "")
    mark = bench.folder / "unpickled"
    names = [path.relative_to(ready.index) for path in ready.index.rglob("*") if path.is_file()]
    # The vectors come first: the broken product loads them as pickles.
    for name in bench.each(tally, sorted(names, key=lambda name: (name.suffix != ".faiss", name))):
        poisoned = ready.copy("poisoned")
        data = pickle.dumps(Canary(mark))
        (poisoned / name).write_bytes(data)
        if name.name != CATALOG_FILE:
            _sign(poisoned, name, data)

        def read() -> None:
            with bench.product():
                _use(ready.archive, poisoned)  # noqa: B023 - it is over before the next

        outcome = Child(read).outcome()
        bad = outcome.bad if not bench.broken else ""
        tally.count(f"{name} was unpickled" if mark.exists() else bad and f"{name}: {bad}")
    return tally


def _use(archive: Path, index: Path) -> None:
    uses: tuple[Callable[[], object], ...] = (
        *(lambda: state(index), lambda: check(index), lambda: make(archive, index)),
        *(lambda: repair(archive, index, ENCODER), lambda: state(index)),
    )
    for use in uses:
        with suppress(OnRecordError):
            use()


def _sign(index: Path, name: Path, data: bytes) -> None:
    """Record the checksum of the new content in the catalog."""

    def sign() -> None:
        with closing(sqlite3.connect(index / CATALOG_FILE, isolation_level=None)) as connection:
            connection.execute(
                "UPDATE derived SET sha256 = ?, bytes = ? WHERE name = ?",
                (hashlib.sha256(data).hexdigest(), len(data), name.as_posix()),
            )

    in_child(sign)
