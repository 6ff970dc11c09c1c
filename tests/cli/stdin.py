"""Standard input for commands that run inside the test."""

from __future__ import annotations

import io

import pytest


def give_stdin(monkeypatch: pytest.MonkeyPatch, content: str | bytes) -> None:
    """Let the next command read this content from stdin."""
    data = content.encode() if isinstance(content, str) else content
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
