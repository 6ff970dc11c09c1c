"""Load a model that a user names: from its folder, from what was downloaded before, or from the model hub."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from rag.errors import ConfigError

HUB_TIMEOUT = 10.0  # seconds

Model = TypeVar("Model")


def load_model(kind: Callable[..., Model], name: str, what: str, otherwise: str) -> Model:
    """Load `name` with the class `kind` of sentence-transformers; `what` and `otherwise` say in errors what it is.

    Raises:
        ConfigError: no such model, or it is not on this machine and cannot be fetched.
    """
    try:
        with _quiet():
            try:
                return kind(name, local_files_only=True)
            except OSError:
                if os.path.exists(name):
                    raise
                _ask_hub(name)
                return kind(name)
    except Exception as error:  # whatever a model folder or the hub can raise ends here, with its first line
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        remedy = f"check the name, give the path of a downloaded sentence-transformers folder, or use `{otherwise}`"
        raise ConfigError(f"cannot load the {what} {name!r}: {reason}; {remedy}") from error


def _ask_hub(name: str) -> None:
    """Raise at once when the hub does not answer or has no such model: loading would try for minutes before it did."""
    from huggingface_hub import HfApi

    try:
        HfApi().model_info(name, timeout=HUB_TIMEOUT)
    except Exception as error:  # of the name, the repository, the network: three families of classes
        raise OSError(f"it is not on this machine, and the model hub says: {error}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the "Loading weights" bar and the load report off the terminal, and leave the settings as they were."""
    from transformers.utils import logging as settings

    logging: Any = settings
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
