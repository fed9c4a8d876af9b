"""Git hooks from a file in the repository."""
