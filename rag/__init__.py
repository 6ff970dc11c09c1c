"""On Record: cited answers over a folder of news articles."""

from rag.types import Answer, Article, Citation, Claim, Evidence, Hit, Passage, Turn

__all__ = ["Answer", "Article", "Citation", "Claim", "Evidence", "Hit", "Passage", "Turn"]
__version__ = "0.3.0"
