"""The keys of language models that a reader typed. No Streamlit here."""

from __future__ import annotations

from rag.generation.spec import Spec


class TypedKeys:
    """The keys that were typed in one session, each for one service or one server. Nothing shows or saves them."""

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}

    def get(self, spec: Spec) -> str | None:
        """Return the key that was typed for the service or the server of a model."""
        return self._keys.get(_owner(spec))

    def add(self, spec: Spec, key: str) -> None:
        """Remember a key for as long as the session lasts."""
        self._keys[_owner(spec)] = key


def _owner(spec: Spec) -> str:
    """Name whom a key is for. A server that was named by its address gets no key of another one."""
    return spec.url or spec.kind
