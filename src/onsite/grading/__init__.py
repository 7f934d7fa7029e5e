"""Run notebooks fast and within limits, prove exercises, score submissions."""
