"""What a question asks for, with what the conversation adds to it."""
