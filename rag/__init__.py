"""On Record: cited answers over a folder of news articles.

from rag import OnRecord, build

build("articles", "index")
print(OnRecord("index").ask("How close is a deal on autos?"))
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rag.config import Settings
    from rag.errors import OnRecordError
    from rag.filters import Filters
    from rag.index.build import BuildReport, build
    from rag.models.base import Models
    from rag.pipeline import OnRecord, load_models
    from rag.types import Answer, Article, Citation, Claim, Disagreement, Evidence, Hit, Passage, Turn

__version__ = "0.4.0"

_HOMES = {
    "rag.config": ("Settings",),
    "rag.errors": ("OnRecordError",),
    "rag.filters": ("Filters",),
    "rag.index.build": ("BuildReport", "build"),
    "rag.models.base": ("Models",),
    "rag.pipeline": ("OnRecord", "load_models"),
    "rag.types": ("Answer", "Article", "Citation", "Claim", "Disagreement", "Evidence", "Hit", "Passage", "Turn"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Answer",
    "Article",
    "BuildReport",
    "Citation",
    "Claim",
    "Disagreement",
    "Evidence",
    "Filters",
    "Hit",
    "Models",
    "OnRecord",
    "OnRecordError",
    "Passage",
    "Settings",
    "Turn",
    "build",
    "load_models",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import rag` costs nothing."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'rag' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
