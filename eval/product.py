"""The product that the commands ask: on an index that is there, or on one built for a single run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rag.config import Settings
from rag.evaluation.answers import Asker

if TYPE_CHECKING:
    from eval.plain import Plain
    from rag.pipeline import OnRecord

Opener = Callable[[Settings, bool], AbstractContextManager[Asker]]


@contextmanager
def open_product(settings: Settings, fresh: bool) -> Iterator[OnRecord]:
    """Open the product on its index, or on a `fresh` one built from the seeds and thrown away afterwards.

    Raises:
        OnRecordError: no articles, no index, or one that cannot be used.
    """
    from rag.pipeline import OnRecord

    with _indexed(settings, fresh) as settings:
        yield OnRecord.open(settings)


@contextmanager
def open_plain(settings: Settings, fresh: bool) -> Iterator[Plain]:
    """Open the plain way to answer on the articles that `open_product` would answer from.

    Raises:
        OnRecordError: as there.
    """
    from eval.plain import Plain
    from rag.encode import load_encoder
    from rag.index import Index

    encoder = load_encoder(settings.encoder)
    with _indexed(settings, fresh) as settings, Index.open(settings.index, encoder).snapshot() as snapshot:
        yield Plain(list(snapshot.articles()), encoder)


@contextmanager
def _indexed(settings: Settings, fresh: bool) -> Iterator[Settings]:
    from rag.index import build

    if not fresh:
        yield settings
        return
    with tempfile.TemporaryDirectory(prefix="onrecord-eval-") as folder:
        settings = replace(settings, index=Path(folder) / "index")
        build(settings.seeds, settings.index, encoder=settings.encoder)
        yield settings
