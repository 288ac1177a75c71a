"""What all tests share: under CI=true nothing that Kafka or a crash should judge is passed over."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

pytest_plugins = ["pykafkalite.testing.plugin", "pytester"]

MUST_RUN_IN_CI = ("interop", "crash")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    wanted = any(item.get_closest_marker(name) for name in MUST_RUN_IN_CI)
    if os.environ.get("CI") == "true" and report.skipped and wanted and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI=true does not allow: {report.longrepr}"
    return report
