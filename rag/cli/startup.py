"""Opens the product for the commands that search the archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.config import Settings

if TYPE_CHECKING:
    from rag.pipeline import OnRecord


def open_archive(settings: Settings) -> OnRecord:
    """Open the product. The encoder loads while everything else is imported and read, which takes as long.

    Raises:
        IndexMissing, IndexDamaged, IndexIncompatible: the index cannot be used; the message names the repair.
        ConfigError: a model cannot be loaded.
    """
    from concurrent.futures import ThreadPoolExecutor

    from rag.index.reader import Index
    from rag.models.registry import load_encoder

    Index.open(settings.index, settings.encoder)  # a fault of the index is reported before the encoder is waited for
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(load_encoder, settings.encoder)
        from rag.pipeline import OnRecord

        return OnRecord.open(settings, loading.result)
