"""Deploys a folder to a server of yours."""
