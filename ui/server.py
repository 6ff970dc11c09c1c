"""Start the chat's server, and open the archive meanwhile, so that the first page and answer come sooner."""

from __future__ import annotations

import gc
import sys
from threading import Thread


def main() -> None:
    """Do what the command `streamlit` does with the same arguments."""
    from streamlit.web.cli import main as streamlit

    Thread(target=_prepare, name="onrecord-opening", daemon=True).start()
    sys.exit(streamlit(prog_name="streamlit"))


def _prepare() -> None:
    from ui.pages import navigation  # noqa: F401 - imports what every page needs, before a page is asked for
    from ui.state.archive import open_ahead

    open_ahead()
    settle()


def settle() -> None:
    """Exclude all objects that exist now from garbage collection.

    Streamlit collects garbage after each run of a page. Looking through the half million objects of the modules, the
    archive and its models took longer than an answer.
    """
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    main()
