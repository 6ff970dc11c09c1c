"""Analyse English text: words, sentences, names, quantities, dates, quotations and speakers."""
