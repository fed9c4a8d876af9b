"""Keeps pytest out of the packages: they are read as data."""

collect_ignore = ["seen", "unseen", "benign", "practice"]
