"""Servers written in Python, each a program of its own that a keeper runs.

They import nothing else of the package, so that they start quickly; `onsite.services` starts them.
"""
