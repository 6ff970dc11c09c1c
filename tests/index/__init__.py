"""Tests of `rag.index`."""
