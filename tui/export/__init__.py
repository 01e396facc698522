"""An experiment as a file for other programs; a module for each format."""
