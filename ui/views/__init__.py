"""Turn answers and articles into the JSON that the components draw. No Streamlit here, and no markup."""
