"""Tests of `rag.evidence`."""
