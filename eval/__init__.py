"""Question sets and benchmarks, run through the product from a checkout: `python -m eval`."""
