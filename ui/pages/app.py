"""The script that `streamlit run` runs; `onrecord ui` starts it with the right options."""

from ui.pages import navigation

navigation.main()
