"""What outlasts a run of a page: the open archive, sessions, conversations, cases, jobs. No Streamlit here."""
