"""The three pages: the chat, the archive, the evaluation."""
