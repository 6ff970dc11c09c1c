"""Retrieve passages for a query: lexical and dense search, fusion, reranking and folding of near-duplicates."""
