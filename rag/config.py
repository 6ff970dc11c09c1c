"""Read the settings from `onrecord.toml`, then from the variables `ONRECORD_*`, then from the command line."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from rag.errors import ConfigError

CONFIG_FILE = "onrecord.toml"
ENV_PREFIX = "ONRECORD_"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every option of the program.

    Attributes:
        index: the folder of the index.
        seeds: the folder of the articles.
        encoder: "minilm" (embedded), or any model of sentence-transformers by name or folder.
        reranker: the model that reranks passages: "embedded" (for searches only), "none", or any cross-encoder of
            sentence-transformers by name or folder (for searches and answers).
        answer_reader: the model that finds the answer in a sentence: "embedded", or any extractive question-answering
            model of transformers by name or folder.
        llm: the generator, which writes the answer: "extractive", "local", "local:/path/to/model.gguf", "openai:MODEL",
            "anthropic:MODEL", "google:MODEL" or "ollama:MODEL"; the last four also as "…@ADDRESS".
        refuse_below: the confidence, 0 to 1, below which the program abstains.
        max_claims: the most claims in an answer.
        passages: the number of passages that are read for evidence.
        conversations: the file of the chat's conversations; a relative path starts at the folder that contains the
            index folder.
    """

    index: Path = Path("index")
    seeds: Path = Path("seeds")
    encoder: str = "minilm"
    reranker: str = "embedded"
    answer_reader: str = "embedded"
    llm: str = "extractive"
    refuse_below: float = 0.3
    max_claims: int = 4
    passages: int = 12
    conversations: Path = Path("conversations.sqlite")

    def __post_init__(self) -> None:
        if not 0 <= self.refuse_below <= 1:
            raise ConfigError(f"refuse_below is {self.refuse_below}: give a confidence from 0 to 1")
        for name in ("max_claims", "passages"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}: give a whole number from 1 up")

    def replaced(self, **options: Any) -> Settings:
        """Return these settings with other values for some options.

        Raises:
            ConfigError: an option is unknown, or its value is not valid.
        """
        return _apply(self, options, "the call")


def load_settings(folder: Path = Path(), environ: Mapping[str, str] | None = None, **options: Any) -> Settings:
    """Read `onrecord.toml` in a folder, then the environment, then `options`; later values replace earlier ones.

    Raises:
        ConfigError: an option is unknown, its value is not valid, or the file is not TOML.
    """
    environ = os.environ if environ is None else environ
    settings = _apply(Settings(), _read_file(folder / CONFIG_FILE), CONFIG_FILE)
    known = {ENV_PREFIX + f.name.upper(): f.name for f in fields(Settings)}
    settings = _apply(settings, {known[k]: v for k, v in environ.items() if k in known}, "the environment")
    return _apply(settings, {k: v for k, v in options.items() if v is not None}, "the command line")


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({error}): mend or remove it") from error


def _apply(settings: Settings, values: Mapping[str, Any], source: str) -> Settings:
    kinds = {f.name: type(getattr(settings, f.name)) for f in fields(Settings)}
    changes: dict[str, Any] = {}
    for name, value in values.items():
        if name not in kinds:
            raise ConfigError(f"unknown option {name!r} in {source}: known are {', '.join(kinds)}")
        kind = Path if issubclass(kinds[name], Path) else kinds[name]
        try:
            if isinstance(value, bool | list | dict) or (kind is int and isinstance(value, float)):
                raise ValueError(value)
            changes[name] = kind(value)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"option {name} in {source} is {value!r}: give {_wanted(kind)}") from error
    return replace(settings, **changes)


def _wanted(kind: type) -> str:
    return {int: "a whole number", float: "a number", str: "a text"}.get(kind, "a path")
