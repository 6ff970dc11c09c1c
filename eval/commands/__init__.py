"""The commands of `python -m eval`, a module for those that belong together."""
