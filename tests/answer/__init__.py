"""Tests of `rag.answer`."""
