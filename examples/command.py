"""The command lines of the examples: their help, and how they print."""

import argparse
import io
import os
import sys
from typing import IO, Any

CLOSED = 128 + 13  # SIGPIPE: the exit code of a shell's tool if its reader stops reading


class Parser(argparse.ArgumentParser):
    """A parser whose description may be a docstring, and whose help may be piped.

    Args:
        description: A text; double backticks are removed.
        **options: The options of ``argparse.ArgumentParser``.
    """

    def __init__(self, *, description: str | None = None, **options: Any) -> None:
        super().__init__(description=(description or "").replace("``", ""), **options)

    def print_help(self, file: IO[str] | None = None) -> None:
        """Prints the help, by default with :func:`say`."""
        if file is None:
            say(self.format_help().rstrip("\n"))
        else:
            super().print_help(file)


def say(text: str) -> None:
    """Prints a text; if the reader has stopped reading, as in ``| head``, ends the program quietly."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # not every terminal has characters such as ∘
    try:
        print(text, flush=True)
    except OSError as error:
        # Otherwise Python flushes stdout again when it exits, and reports the error again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            sys.exit(CLOSED)
        raise
