"""Faults really made on a running Pumpkin, and what must still be true after each."""
