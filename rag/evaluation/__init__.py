"""Evaluation of the product: read question sets, ask them, judge the answers, measure and compare runs."""
