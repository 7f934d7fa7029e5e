"""`python -m onsite` is the same as the `onsite` command."""

from onsite.cli import main

main()
