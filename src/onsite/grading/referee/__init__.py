"""Whether a check passed, decided from evidence that the code under test cannot forge."""
