"""Open the product for the commands: on an index that exists, or on one built for a single run."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rag.config import Settings
from rag.evaluation.questions import EvalError
from rag.evaluation.runner import Asker
from rag.index.build import BuildReport, build
from rag.index.staging import Progress
from rag.models.base import Encoder

if TYPE_CHECKING:
    from eval.baseline import PlainBaseline
    from rag.pipeline import OnRecord

Opener = Callable[[Settings, bool], AbstractContextManager[Asker]]


@contextmanager
def open_product(settings: Settings, fresh: bool) -> Iterator[OnRecord]:
    """Open the product on its index, or on a `fresh` one that is built from the seeds and removed afterwards.

    Raises:
        OnRecordError: no articles, no index, or one that cannot be used.
    """
    from rag.pipeline import OnRecord

    with _indexed(settings, fresh) as indexed:
        yield OnRecord.open(indexed)


@contextmanager
def open_plain(settings: Settings, fresh: bool) -> Iterator[PlainBaseline]:
    """Open the baseline on the articles that `open_product` would answer from.

    Raises:
        OnRecordError: as there.
    """
    from eval.baseline import PlainBaseline
    from rag.index.reader import Index
    from rag.models.registry import load_encoder

    encoder = load_encoder(settings.encoder)
    with _indexed(settings, fresh) as indexed, Index.open(indexed.index, encoder).snapshot() as snapshot:
        yield PlainBaseline(list(snapshot.articles()), encoder)


@contextmanager
def _indexed(settings: Settings, fresh: bool) -> Iterator[Settings]:
    from rag.index.build import build

    if not fresh:
        yield settings
        return
    with tempfile.TemporaryDirectory(prefix="onrecord-eval-") as folder:
        settings = replace(settings, index=Path(folder) / "index")
        build(settings.seeds, settings.index, encoder=settings.encoder)
        yield settings


def build_index(articles: Path, cache: Path, encoder: Encoder | str, progress: Progress) -> tuple[Path, BuildReport]:
    """Bring the index in `cache` up to date with a file of articles; unchanged passages are not encoded again.

    Raises:
        OnRecordError: the index cannot be built; see `rag.index.build.build`.
        EvalError: the cache cannot be written.
    """
    seeds, index = cache / "articles", cache / "index"
    try:
        seeds.mkdir(parents=True, exist_ok=True)
        for old in seeds.iterdir():
            if old.name != articles.name:
                old.unlink()
        copy = seeds / articles.name  # in a folder of its own: the questions beside the original are not articles
        if not copy.exists() or _stamp(copy) != _stamp(articles):
            copy.unlink(missing_ok=True)  # it may be read-only, as its original was
            shutil.copy2(articles, copy)
    except OSError as error:
        raise EvalError(f"{cache} cannot be written ({error.strerror}): give another folder with --cache") from error
    return index, build(seeds, index, encoder, progress=progress)


def _stamp(path: Path) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns
