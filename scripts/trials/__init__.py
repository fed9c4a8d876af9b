"""Long runs of the sandbox on real engines and real packages."""
