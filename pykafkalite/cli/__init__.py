"""The command line: `pykafkalite COMMAND --at ADDRESS [--json]`.

One file per group of commands.  pyarrow and rich are imported by the functions
that use them, so that `--help` and a typing error answer at once.
"""

from __future__ import annotations

import sys


def main() -> None:
    """The console script: runs the command in sys.argv and exits with its code."""
    from pykafkalite.cli.app import run

    sys.exit(run(sys.argv[1:]))
