"""Files, pages and records to cleaned articles, and articles to passages."""
