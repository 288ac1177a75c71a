"""`pykafkalite verify`: everything wrong in a directory; exit code 1 when anything is."""

from __future__ import annotations

from pathlib import Path

import click

from pykafkalite.cli import output
from pykafkalite.cli.session import Command, Session, pass_session


@click.command(cls=Command)
@click.argument("directory", required=False, type=click.Path())
@pass_session
def verify(session: Session, directory: str | None) -> int:
    """Read every batch and index of DIRECTORY (a log, or one partition) and list what is wrong.

    Changes nothing, and reads a real Kafka's directories too.  Exit code 1 when anything is wrong.
    """
    from pykafkalite.storage.verify import files_to_read
    from pykafkalite.storage.verify import verify as verify_directory

    path = Path(directory or session.at)
    session.expect_directory(path)
    with output.progress("verify", files_to_read(path), quiet=session.json) as advance:
        report = verify_directory(path, advance)
    if session.json:
        problems = [problem._asdict() for problem in report.problems]
        output.show_json({**vars(report), "problems": problems})
        return bool(report.problems)
    for problem in report.problems:
        where = problem.path if problem.position is None else f"{problem.path}: byte {problem.position}"
        lost = "" if problem.next_offset is None else f"; the next good offset is {problem.next_offset}"
        click.echo(f"{click.style(problem.kind, fg='red', bold=True)}: {where}: {problem.message}{lost}")
    click.echo(
        f"{report.records:,} records in {report.batches:,} batches, {report.segments:,} segments, "
        f"{report.partitions:,} partitions ({output.size(report.size)}): "
        + (f"{len(report.problems):,} problem(s)" if report.problems else "nothing wrong")
    )
    return bool(report.problems)
