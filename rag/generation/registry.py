"""Makes the generator that `--llm` names, and lists the generators that there are."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from rag.errors import ConfigError, GeneratorError
from rag.generation.base import Generator
from rag.generation.spec import SERVICES, Spec, read_spec

HOSTED_PACKAGES = ("pydantic_ai", "stamina", "openai", "anthropic", "google.genai")
INSTALL_HOSTED = "run pip install 'onrecord[hosted]', or pip install -e '.[hosted]' in a checkout"


@dataclass(frozen=True, slots=True)
class GeneratorChoice:
    """A generator that a user can choose.

    Attributes:
        spec: what `--llm` takes; where `needs_model`, only the part before the name of the model ("openai:").
        label: what it is, in a few words.
        why_not: why it cannot be used on this machine now, and what to do; empty when it can.
        needs_model: the user has to name a model.
    """

    spec: str
    label: str
    why_not: str = ""
    needs_model: bool = False


def choices(configured: str = "extractive") -> list[GeneratorChoice]:
    """Return the generators to choose from, the configured one first. It looks only at this machine."""
    on_this_machine = [_choice(spec) for spec in dict.fromkeys([configured, "extractive", "local", *GENERATORS])]
    return on_this_machine + [_choice(f"{kind}:") for kind in SERVICES]


def check_generator(spec: str) -> None:
    """Check the name of a generator without loading it.

    Raises:
        ConfigError: there is no generator of that name.
    """
    if spec not in GENERATORS:
        read_spec(spec)


def load_generator(spec: str, key: str | None = None) -> Generator:
    """Make the generator that `spec` names; a hosted model uses `key` instead of the environment's.

    Raises:
        ConfigError: there is no generator of that name.
        GeneratorError: its package or its model file is not installed, or its key is not set.
    """
    if spec in GENERATORS:
        return GENERATORS[spec]()
    read = read_spec(spec, key)
    if read.kind == "extractive":
        from rag.generation.extractive import Extractive

        return Extractive()
    if read.kind == "local":
        from rag.generation.llama_cpp import LlamaCpp

        return LlamaCpp(read.model)
    if not _hosted_installed():
        raise GeneratorError(f"{read.name} needs the package pydantic-ai: {INSTALL_HOSTED}")
    from rag.generation.hosted import Hosted

    return Hosted(read)


def _choice(spec: str) -> GeneratorChoice:
    kind, colon, model = spec.partition(":")
    if spec == "extractive":
        return GeneratorChoice(spec, "the articles’ own words")
    if spec in GENERATORS:
        return GeneratorChoice(spec, spec)
    if kind == "local":
        return _local_choice(spec, model)
    needs_model = bool(colon) and not model
    try:
        read = Spec(kind) if needs_model and kind in SERVICES else read_spec(spec)
    except ConfigError as error:
        return GeneratorChoice(spec, spec, str(error))
    label = f"a model of {read.service.label}" if needs_model else read.name
    if not _hosted_installed():
        return GeneratorChoice(spec, label, INSTALL_HOSTED, needs_model)
    missing = read.missing_key()
    return GeneratorChoice(spec, label, f"set {missing} in the environment" if missing else "", needs_model)


def _local_choice(spec: str, path: str) -> GeneratorChoice:
    from rag.generation.llama_cpp import find_model

    try:
        model = find_model(path or None)
    except GeneratorError as error:
        return GeneratorChoice(spec, "a model on this computer", str(error))
    return GeneratorChoice(spec, f"{model.stem}, on this computer")


def _hosted_installed() -> bool:
    """Return whether the packages of the extra `hosted` are installed; nothing is imported."""
    try:
        return all(importlib.util.find_spec(name) for name in HOSTED_PACKAGES)
    except ModuleNotFoundError:  # the parent of a dotted name
        return False


# Generators of your own: the name that `--llm` takes, and what makes the generator.
GENERATORS: dict[str, Callable[[], Generator]] = {}


def generator(spec: str, key: str | None = None) -> Generator:
    """Return the generator that `spec` names. With a key of its own it is made anew, so that no cache holds the key."""
    return (
        load_generator(spec, key)
        if key and spec not in GENERATORS and read_spec(spec).kind in SERVICES
        else shared_generator(spec)
    )


@lru_cache(maxsize=4)
def shared_generator(spec: str) -> Generator:
    """Load a generator once in each process: a local model takes seconds to read."""
    return load_generator(spec)
