"""Suites that try to break an index: each row counts how often it tried, and how often what was promised held."""
