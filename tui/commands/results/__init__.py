"""`mnist-tui results`: past experiments in plain lines; a file for each of its commands."""
