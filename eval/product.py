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
    from rag.pipeline import OnRecord

Opener = Callable[[Settings, bool], AbstractContextManager[Asker]]


@contextmanager
def open_product(settings: Settings, fresh: bool) -> Iterator[OnRecord]:
    """Open the product on its index, or on a `fresh` one built from the seeds and thrown away afterwards.

    Raises:
        OnRecordError: no articles, no index, or one that cannot be used.
    """
    from rag.index import build
    from rag.pipeline import OnRecord

    if not fresh:
        yield OnRecord.open(settings)
        return
    with tempfile.TemporaryDirectory(prefix="onrecord-eval-") as folder:
        settings = replace(settings, index=Path(folder) / "index")
        build(settings.seeds, settings.index, encoder=settings.encoder)
        yield OnRecord.open(settings)
