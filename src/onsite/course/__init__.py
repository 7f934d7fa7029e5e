"""What a topic is: read it, check its form, compile it to nbgrader's notebooks."""
