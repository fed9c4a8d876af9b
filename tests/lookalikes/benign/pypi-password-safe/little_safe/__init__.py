"""Passwords in one encrypted file."""
