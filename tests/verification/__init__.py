"""Tests of `rag.verification`."""
