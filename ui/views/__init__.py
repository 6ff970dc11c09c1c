"""Answers and articles as the JSON that the components draw. No Streamlit here, and no markup."""
