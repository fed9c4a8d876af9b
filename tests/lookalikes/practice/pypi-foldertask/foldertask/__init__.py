"""Tasks for folders."""
