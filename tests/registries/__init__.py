"""One fake registry of all seven shapes, true to the real ones, with ways to misbehave."""
