"""Container engines: found, given their image, and asked for sandboxes over one stream."""
