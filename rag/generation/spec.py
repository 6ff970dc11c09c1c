"""Reads what `--llm` names: `extractive`, `local`, `local:FILE`, `KIND:MODEL` or `KIND:MODEL@ADDRESS`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from rag.errors import ConfigError

OWN_KEY = "ONRECORD_LLM_KEY"  # the variable with the key of a server that the user names by its address
SPELLINGS = (
    "extractive, local, local:/path/to/model.gguf, openai:MODEL, anthropic:MODEL, google:MODEL, ollama:MODEL, "
    "or openai:MODEL@http://HOST:PORT/v1"
)


@dataclass(frozen=True, slots=True)
class Service:
    """A service of models, with the environment variables that its users know.

    Attributes:
        label: what it is called.
        keys: variables that may hold the key, the usual one first.
        address: variable that may hold another address.
        home: the address when no other is given; None leaves it to the client.
        open: it answers without a key.
    """

    label: str
    keys: tuple[str, ...]
    address: str
    home: str | None = None
    open: bool = False


SERVICES = {
    "openai": Service("OpenAI", ("OPENAI_API_KEY",), "OPENAI_BASE_URL"),
    "anthropic": Service("Anthropic", ("ANTHROPIC_API_KEY",), "ANTHROPIC_BASE_URL"),
    "google": Service("Google", ("GOOGLE_API_KEY", "GEMINI_API_KEY"), "GOOGLE_GEMINI_BASE_URL"),
    "ollama": Service("Ollama", ("OLLAMA_API_KEY",), "OLLAMA_BASE_URL", "http://127.0.0.1:11434/v1", open=True),
}


@dataclass(frozen=True, slots=True)
class Spec:
    """A generator as the user names it.

    Attributes:
        kind: "extractive", "local", or one of `SERVICES`, whose protocol is used.
        model: the name of the model, or the path of its file; None means the default of the kind.
        url: the address that the user gives with it.
        given_key: a key that is used instead of those of the environment; the repr leaves it out.
    """

    kind: str
    model: str | None = None
    url: str | None = None
    given_key: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """What answers and notices call it; the address is left out."""
        return f"{self.kind}:{self.model}" if self.model else self.kind

    @property
    def service(self) -> Service:
        """The service whose protocol is used."""
        return SERVICES[self.kind]

    @property
    def address(self) -> str | None:
        """Where requests go; None is the service's own address."""
        return self.url or os.environ.get(self.service.address) or self.service.home

    @property
    def key_variables(self) -> tuple[str, ...]:
        """The variables that may hold the key.

        A server that is named by its address never gets the key of the service whose protocol it uses.
        """
        return (OWN_KEY,) if self.url else self.service.keys

    @property
    def key(self) -> str | None:
        """The key that was given with the name of the model, or else the one of the environment."""
        return self.given_key or next(filter(None, map(os.environ.get, self.key_variables)), None)

    @property
    def key_source(self) -> str:
        """Where the user has to look when the key is refused."""
        return "the key that was typed" if self.given_key else " or ".join(self.key_variables)

    def missing_key(self) -> str | None:
        """Return the variable to set before the model can be used; None when no key is missing."""
        needed = self.address is None and not self.service.open
        return self.key_variables[0] if needed and self.key is None else None


def read_spec(text: str, key: str | None = None) -> Spec:
    """Read what `--llm` names.

    Args:
        text: the specification.
        key: used instead of the keys of the environment.

    Raises:
        ConfigError: there is no generator of that name, or the address is not one.
    """
    kind, colon, rest = text.partition(":")
    if text == "extractive":
        return Spec(kind)
    if kind == "local":
        return Spec(kind, rest or None)
    model, at, url = re.fullmatch(r"(.*?)(?:(@)(https?://.*))?", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    if kind not in SERVICES or not colon or not model.strip():
        raise ConfigError(f"unknown generator {model_only(text)!r}: use {SPELLINGS}")
    return Spec(kind, model, _checked(url) if at else None, key)


def model_only(text: str) -> str:
    """Return a specification without its address, in which somebody may have put a key."""
    return re.sub(r"@?https?://.*", "", text, flags=re.DOTALL)


def _checked(url: str) -> str:
    parts = urlsplit(url)
    try:
        valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigError(
            "the address of the model is not one: give http://HOST:PORT/v1, without a name, a password or a question "
            f"mark; a key goes into {OWN_KEY}"
        )
    return url.rstrip("/")
