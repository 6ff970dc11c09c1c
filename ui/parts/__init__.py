"""The parts that the pages consist of."""
