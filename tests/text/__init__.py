"""Tests of `rag.text`."""
