"""The command ``femtobarn``: every verb is a thin call of a public Python function.

A user's mistake ends in one line on stderr and exit code 2, Ctrl-C in exit code 130.
"""

from femtobarn.cli.command import execute, main

__all__ = ["execute", "main"]
