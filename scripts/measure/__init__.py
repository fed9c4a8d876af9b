"""Measurements of the whole program from outside, as ratios to baselines of the same run."""
