"""What lasts longer than one run of a page: the archive, sessions, conversations, judged answers, jobs."""
