"""The chat's server: Streamlit, and meanwhile the archive is opened, so that the first page and answer wait less."""

from __future__ import annotations

import gc
import sys
from threading import Thread


def main() -> None:
    """Do what `streamlit` does with the same arguments."""
    from streamlit.web.cli import main as streamlit

    Thread(target=_ahead, name="onrecord-opening", daemon=True).start()
    sys.exit(streamlit(prog_name="streamlit"))


def _ahead() -> None:
    from ui.pages import navigation  # noqa: F401 - what every page needs, before one is asked for
    from ui.state.archive import open_ahead

    open_ahead()
    settle()


def settle() -> None:
    """Leave all that is in memory now out of what the garbage collector looks at.

    Streamlit has it look at everything after each run of a page; of the half million objects that the modules, the
    archive and its models are made of, that took longer than the answer.
    """
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    main()
