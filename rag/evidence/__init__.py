"""Score the sentences of the retrieved passages, and choose those that answer the question."""
