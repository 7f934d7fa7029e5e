"""One file for each service."""
