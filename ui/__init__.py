"""The chat: a Streamlit page over `rag.pipeline`. It draws; what it draws comes from the product."""
