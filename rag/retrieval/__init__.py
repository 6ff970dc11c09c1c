"""The passages that bear on a query: lexical and dense search, fused, reranked, near-duplicates folded."""
