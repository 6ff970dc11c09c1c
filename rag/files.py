"""What immutable files need of the file system: links, checksums, and the certainty that they are on the disk."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path


def link(source: Path, target: Path) -> None:
    """Give the file a second name, or copy it where the file system knows no links.

    Raises:
        OSError: the disk is full, or the like.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        shutil.copyfile(source, target)


def make_folder(path: Path) -> None:
    """Make the folder and those above it that are missing, so that their names are on the disk.

    Raises:
        OSError: the disk is full, or the like.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync(folder.parent)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Wait until the file, or the names in the folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
