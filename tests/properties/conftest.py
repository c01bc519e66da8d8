"""With `FUZZ=N` set: how many inputs each property was tried on."""

from unittest import mock

import pytest

from tests.properties import fuzz


@pytest.fixture(scope="module", autouse=True)
def unsynced():
    """Thousands of small files, none of which has to outlive a power cut."""
    with mock.patch("os.fsync"):
        yield


def pytest_terminal_summary(terminalreporter):
    if fuzz.EXAMPLES and fuzz.tried:
        terminalreporter.section("inputs tried")
        for name, count in sorted(fuzz.tried.items()):
            terminalreporter.write_line(f"{count:9,} {name}")
        failed = len(terminalreporter.stats.get("failed", ()))
        total = sum(fuzz.tried.values())
        terminalreporter.write_line(f"{total:9,} in all; {failed} of {len(fuzz.tried)} properties failed")
