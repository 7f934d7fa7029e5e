"""The instructor's side."""
