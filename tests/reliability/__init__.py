"""Suites that try to break an index: each row counts its trials, and those in which a promise was broken."""
