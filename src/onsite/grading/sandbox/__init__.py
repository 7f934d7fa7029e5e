"""A sandbox for other people's programs: bubblewrap around, namespaces of each run's own in it."""

from onsite.grading.sandbox.bubblewrap import Sandbox, find

__all__ = ["Sandbox", "find"]
