"""Functions that take arrays and a matplotlib Axes."""
