"""Decide what an answer says, and write it: the sentences, both sides of a dispute, or why the archive does not say."""
