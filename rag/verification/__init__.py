"""Citations, and whether the cited words support the sentence."""
