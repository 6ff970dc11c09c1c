"""The chat's server: Streamlit, and meanwhile the archive is opened, so that the first page and answer wait less."""

from __future__ import annotations

import sys
from threading import Thread


def main() -> None:
    """Do what `streamlit` does with the same arguments."""
    from streamlit.web.cli import main as streamlit

    Thread(target=_ahead, name="onrecord-opening", daemon=True).start()
    sys.exit(streamlit(prog_name="streamlit"))


def _ahead() -> None:
    from .archive import open_ahead

    open_ahead()


if __name__ == "__main__":
    main()
