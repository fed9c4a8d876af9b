"""Notebook metrics."""
