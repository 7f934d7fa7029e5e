"""What nbgrader_config.py puts into the place of parts of nbgrader.

So nbgrader's own commands and formgrader's buttons grade in the same sandbox by the same rules,
write the same feedback, and show student's work without running it in the browser.
"""
