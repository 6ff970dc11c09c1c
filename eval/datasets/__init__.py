"""The data that benchmarks and training read, or make by rule."""
