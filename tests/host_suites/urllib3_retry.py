"""Run urllib3's own tests of ``Retry`` against `CloudElementsRetry`.

``python tests/host_suites/urllib3_retry.py`` fetches the source distribution of the
installed urllib3 with pip and runs its ``test/test_retry.py``, with ``Retry`` replaced
by a subclass of `CloudElementsRetry` that only restores urllib3's defaults. It exits
with 0 if exactly the expected cases fail, each for the reason given here.
"""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import tarfile
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from urllib3.util import retry

from cloud_elements_errors import CloudElementsRetry

if TYPE_CHECKING:
    from collections.abc import Iterator

_BACKOFF = "tests urllib3's backoff formula, in place of which we have full jitter"
_CHECKED = "passes a setting that we refuse when the policy is made: "

EXPECTED_FAILURES = {
    "test_backoff": _BACKOFF,
    "test_configurable_backoff_max": _BACKOFF,
    "test_backoff_jitter": _BACKOFF,
    "test_backoff_reset_after_redirect": _BACKOFF,
    "test_status_forcelist": _CHECKED + 'status_forcelist=["418"]',
    "test_false_allowed_methods": _CHECKED + "allowed_methods=False",
    "test_empty_allowed_methods": _CHECKED + "allowed_methods=[]",
    "test_exhausted": _CHECKED + "total=-1",
    "test_disabled[-1]": _CHECKED + "total=-1",
    "test_configurable_retry_after_max": "cuts a wait that we refuse instead",
    "test_parse_retry_after_invalid[1.0]": "refuses decimal seconds, which we read",
}

_DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(retry.Retry).parameters.items()
} | {"max_elapsed": None, "budget": None}


class Retry(CloudElementsRetry):
    """Our policy with the defaults of urllib3's, whose name its ``repr`` shows."""

    def __init__(self, total: Any = _DEFAULTS["total"], **settings: Any) -> None:
        super().__init__(**_DEFAULTS | {"total": total} | settings)


class Plugin:
    """Stands in for urllib3's conftest.py, which wants its servers; and counts."""

    def __init__(self) -> None:
        self.passed: set[str] = set()
        self.failed: set[str] = set()

    @pytest.fixture
    def stub_timezone(self, request: pytest.FixtureRequest) -> Iterator[None]:
        # It is in the source distribution, not in what is installed.
        from test.tz_stub import stub_timezone_ctx  # noqa: PLC0415

        with stub_timezone_ctx(request.param):
            yield

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.rpartition("::")[2]
        if report.failed:
            self.failed.add(name)
        elif report.when == "call":
            self.passed.add(name)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed.add(report.nodeid)


@contextmanager
def source_distribution(requirement: str) -> Iterator[Path]:
    """Fetch and unpack the sources of a package, for as long as the block runs."""
    name = requirement.partition("==")[0]
    with tempfile.TemporaryDirectory() as directory:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        pip += ["--no-binary", name, "--dest", directory, requirement]
        subprocess.run(pip, check=True)
        (archive,) = Path(directory).glob("*.tar.gz")
        with tarfile.open(archive) as sources:
            sources.extractall(directory, filter="data")
        yield archive.with_name(archive.name.removesuffix(".tar.gz"))


def main() -> int:
    """Run the suite, and say what failed; 0 if that is what was expected."""
    plugin = Plugin()
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    with source_distribution(f"urllib3=={urllib3.__version__}") as sources:
        sys.path.insert(0, str(sources))
        retry.Retry = Retry
        options = ["--noconftest", "--quiet", "--tb=line", "--import-mode=prepend"]
        options += ["-p", "no:cacheprovider", "-c", str(sources / "pyproject.toml")]
        pytest.main([*options, str(sources / "test" / "test_retry.py")], [plugin])
    lines = [f"urllib3 {urllib3.__version__}: {len(plugin.passed)} cases pass"]
    # Not every version of urllib3 has every case.
    healed = EXPECTED_FAILURES.keys() & plugin.passed
    for name in sorted(plugin.failed | healed):
        outcome = "DOES NOT FAIL" if name in healed else "fails"
        lines.append(f"{name} {outcome}: {EXPECTED_FAILURES.get(name, 'UNEXPECTED')}")
    sys.stdout.write("\n".join(["", *lines, ""]))
    expected = plugin.failed <= EXPECTED_FAILURES.keys() and not healed
    return 0 if plugin.passed and expected else 1


if __name__ == "__main__":
    sys.exit(main())
