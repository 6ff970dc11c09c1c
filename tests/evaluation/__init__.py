"""Tests of `rag.evaluation`."""
