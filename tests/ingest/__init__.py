"""Tests of `rag.ingest`."""
