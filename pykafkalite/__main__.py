"""`python -m pykafkalite` is the command line."""

from pykafkalite.cli import main

main()
