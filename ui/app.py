"""What `streamlit run` runs; `onrecord ui` starts it with the right options."""

from rag.ui import pages

pages.main()
