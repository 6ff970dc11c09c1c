"""Read a question, with what the conversation adds to it."""
