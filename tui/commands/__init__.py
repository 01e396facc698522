"""The commands that need no dashboard; a file of flags for each, and what it does in another."""
