"""Tests of `rag.query`."""
