"""What writes an answer from evidence: the articles' own sentences, or a local or hosted language model."""
