"""The index: a SQLite catalog, and the files for search that are built from it."""
