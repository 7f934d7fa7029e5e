"""How a run executes a cell of the student's, and how it waits for the next one."""
