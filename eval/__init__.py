"""Question sets and benchmarks over the product, run from a checkout: `python -m eval`."""
