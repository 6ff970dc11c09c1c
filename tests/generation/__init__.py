"""Tests of `rag.generation`."""
