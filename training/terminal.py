"""How command lines end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NoReturn

_READER_GONE = 128 + 13  # as shells report SIGPIPE


def run_command(main: Callable[[], int]) -> NoReturn:
    """Runs a command line and ends the program with its status.

    It ends quietly where nobody reads its output any more (`--help | head`) and after Ctrl+C.
    """
    status: int | str | None
    try:
        try:
            status = main()
        except SystemExit as end:  # tyro's, after --help or a wrong option
            status = end.code
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = _READER_GONE
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)
