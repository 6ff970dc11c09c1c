"""R6: files of the index are damaged: an answer is right, or an error says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

from rag.errors import IndexIncompatibleError, IndexMissingError
from rag.index.check import check
from rag.index.repair import repair
from tests.reliability.bench import ENCODER, Bench, Child, Stage, Tally, in_child, make, stage, state


def _flip(path: Path, random: Random, others: list[Path]) -> None:
    """Flip one bit, or fifty, as bad memory does."""
    data = bytearray(path.read_bytes())
    for _ in range(random.choice((1, 50))):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    path.write_bytes(data)


def _truncate(path: Path, random: Random, others: list[Path]) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: random.randrange(len(data))])


def _wipe(path: Path, random: Random, others: list[Path]) -> None:
    """Overwrite a page with noise or zeros."""
    data = bytearray(path.read_bytes())
    start = random.randrange(0, len(data), 4096)
    size = len(data[start : start + 4096])
    data[start : start + 4096] = random.randbytes(size) if random.random() < 0.5 else bytes(size)
    path.write_bytes(data)


def _swap(path: Path, random: Random, others: list[Path]) -> None:
    other = random.choice(others)
    mine, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(mine)


def _remove(path: Path, random: Random, others: list[Path]) -> None:
    path.unlink()


def _empty(path: Path, random: Random, others: list[Path]) -> None:
    path.write_bytes(b"")


def _stray(path: Path, random: Random, others: list[Path]) -> None:
    """Add a write-ahead log of noise."""
    path.with_name(path.name + "-wal").write_bytes(random.randbytes(random.randrange(1, 9000)))


def _edit(path: Path, random: Random, others: list[Path]) -> None:
    """Change one letter of an article."""
    data = bytearray(path.read_bytes())
    places = [match.start() for match in re.finditer(rb"Paragraph", data)] or [0]
    data[random.choice(places)] ^= 1
    path.write_bytes(data)


# A file can be damaged in many ways and be missing in one, so damage is tried more often.
HARM: tuple[Callable[[Path, Random, list[Path]], None], ...] = (
    *(_flip, _flip, _flip, _flip, _flip, _truncate, _truncate, _wipe, _wipe, _edit, _swap, _remove, _empty, _stray),
)


def run(bench: Bench) -> Tally:
    tally, ready = Tally(), stage(bench)
    in_child(lambda: make(ready.archive, ready.index))
    names = sorted(path.relative_to(ready.index) for path in ready.index.rglob("*") if path.is_file())
    catalog = [name for name in names if name.name == "catalog.sqlite"]
    for _ in bench.each(tally):
        index = ready.copy("damaged")
        name = bench.random.choice(bench.random.choice([catalog, [n for n in names if (index / n).stat().st_size]]))
        how = bench.random.choice(HARM)
        if bench.broken:
            name, how = catalog[0], _edit
        seed = bench.random.randrange(1 << 32)
        how(index / name, Random(seed), [index / other for other in names if other != name])
        tally.count(_judge(bench, ready, index, f"{name} {how.__name__.strip('_')} (seed {seed})"))
    return tally


def _judge(bench: Bench, ready: Stage, index: Path, case: str) -> str:
    """Read, check and repair the index: each must give the state before the damage, or say why not."""

    def read() -> str:
        with bench.product():
            return "" if state(index) == ready.after else "not what was there before"

    def mend() -> str:
        try:
            found = repair(ready.archive, index, ENCODER)
        except (IndexIncompatibleError, IndexMissingError) as error:
            return "" if "`onrecord build" in str(error) else f"says no command: {error}"
        if found.remaining:
            return f"there remains: {found.remaining[0].what}"
        return "" if state(index) == ready.after else "not what was there before"

    def verify() -> str:
        with suppress(IndexMissingError):
            check(index)
        return ""

    for work in (read,) if bench.broken else (read, verify, mend):
        outcome = Child(work).outcome()
        problem = outcome.bad or outcome.value or (outcome.error if work is not read else "")
        if problem:
            return f"{case}, {work.__name__}: {problem}"
    return ""
