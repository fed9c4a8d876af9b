"""Makes distutils available again."""
