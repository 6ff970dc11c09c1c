"""The three pages: chat, archive, evaluation."""
