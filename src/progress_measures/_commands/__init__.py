"""The commands of the command line: the text that each returns to be printed."""
