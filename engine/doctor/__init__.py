"""What works on this machine, and what does not: checks that take a few seconds together."""
