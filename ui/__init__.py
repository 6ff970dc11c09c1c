"""The chat: Streamlit pages over `rag.pipeline`. They draw what the product returns."""
