"""The package analysis API (contracts/analysis-api.md), for clients of both dialects: one file a noun."""
