"""R9: readers read while the index is built again and again: none sees an error, or two generations at once."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

from rag.index.reader import Index
from rag.query.analysis import analyse
from rag.retrieval.hybrid import retrieve
from tests.reliability.bench import ENCODER, Bench, Child, Tally, in_child, make

READERS = 8
STORIES = 6
Seen = tuple[int, int, list[str]]  # answers, generations, problems


def write(archive: Path, version: int) -> None:
    archive.mkdir(exist_ok=True)
    for n in range(STORIES):
        (archive / f"story{n}.txt").write_text(f"{version} is the version of the lobster story with number {n}.")


def run(bench: Bench) -> Tally:
    archive, index, stop = bench.path("seeds"), bench.path("index"), bench.folder / "stop"
    stop.unlink(missing_ok=True)
    write(archive, 1)
    in_child(lambda: make(archive, index))

    def read() -> Seen:
        with bench.product():
            return _read(index, stop, Random(time.monotonic_ns()))

    swaps = min(bench.trials, 10) if bench.broken else bench.trials

    def rebuild() -> None:
        for version in range(2, swaps + 2):
            write(archive, version)
            make(archive, index)

    readers = [Child(read) for _ in range(READERS)]
    writer = Child(rebuild).outcome(60.0 + 5 * swaps)
    stop.touch()
    tally = Tally(note=f"{swaps} swaps")
    for reader in readers:
        outcome = reader.outcome()
        answers, generations, problems = outcome.value or (0, 0, [outcome.error or outcome.bad])
        if not bench.broken and not problems and generations < min(3, swaps):
            problems = [f"a reader saw only {generations} generations"]
        tally.tried += max(answers, 1)
        tally.lost += problems
    if writer.error or writer.bad:
        tally.count(f"the writer: {writer.error or writer.bad}")
    return tally


def _read(index: Path, stop: Path, random: Random) -> Seen:
    """Read until the file `stop` exists, from a shared or a new index, at once or a moment after the snapshot."""
    answers, generations, problems = 0, set[int](), list[str]()
    shared = Index.open(index, ENCODER)
    while not stop.exists():
        opened = shared if random.random() < 0.5 else Index.open(index, ENCODER)
        with opened.snapshot() as snapshot:
            time.sleep(random.choice((0.0, 0.05)))
            hits = retrieve(snapshot, ENCODER, analyse("version of the lobster story"))
            versions = {hit.passage.text.split()[0] for hit in hits}
            if versions != {f"{snapshot.generation}"} or len(hits) != STORIES or snapshot.notes:
                problems.append(f"generation {snapshot.generation}: {versions}, {len(hits)} hits, {snapshot.notes}")
        generations.add(snapshot.generation)
        answers += 1
    return answers, len(generations), problems
