"""A PostgreSQL of our own, for installations that name none."""
