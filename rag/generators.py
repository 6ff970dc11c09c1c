"""Which generator a user means by `--llm`, made."""

from __future__ import annotations

from rag.errors import ConfigError
from rag.generate import Generator


def check_generator(spec: str) -> None:
    """Say at once that there is no such generator, before a question is read for it.

    Raises:
        ConfigError: no generator of that name.
    """
    if spec != "extractive" and spec.partition(":")[0] != "local":
        raise ConfigError(f"unknown generator {spec!r}: use extractive, local or local:/path/to/model.gguf")


def load_generator(spec: str) -> Generator:
    """Make the generator that `spec` names: `extractive`, `local` or `local:/path/to/model.gguf`.

    Raises:
        ConfigError: no generator of that name.
        GeneratorError: its package or its model file is not installed.
    """
    check_generator(spec)
    if spec == "extractive":
        from rag.extractive import Extractive

        return Extractive()
    from rag.local import Local

    return Local(spec.partition(":")[2] or None)
