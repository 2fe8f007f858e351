"""Run requests' own test suite with `CloudElementsSession` as ``requests.Session``.

``python tests/host_suites/requests_suite.py`` fetches the source distribution of the
installed requests with pip and runs its tests in place, with our session wherever
requests makes one. What fails is run once more with requests as it is, since some
tests need a network beyond loopback. It exits with 0 if the tests that fail with ours
alone are exactly the expected ones, each for the reason given here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from urllib3_retry import source_distribution

from cloud_elements_errors import CloudElementsSession

_REQUESTS = "tests/test_requests.py::TestRequests::"

EXPECTED_FAILURES = {
    "tests/test_lowlevel.py::test_digestauth_401_only_sent_once": (
        "asserts on the 401 that digest authentication ends in"
    ),
    _REQUESTS + "test_BASICAUTH_TUPLE_HTTP_200_OK_GET": (
        "asserts on a 401 without credentials"
    ),
    _REQUESTS + "test_basicauth_with_netrc": "asserts on a 401 with wrong credentials",
    _REQUESTS + "test_DIGEST_HTTP_200_OK_GET": "asserts on a 401 without credentials",
    _REQUESTS + "test_DIGEST_AUTH_RETURNS_COOKIE": (
        "asserts on the cookie of a 401 without credentials"
    ),
    _REQUESTS + "test_DIGESTAUTH_WRONG_HTTP_401_GET": (
        "asserts on a 401 with wrong credentials"
    ),
    _REQUESTS + "test_request_ok_set": "asserts on the `ok` of a 404",
    _REQUESTS + "test_session_close_proxy_clear": (
        "counts how often a manager is cleared: one adapter serves both schemes"
    ),
    _REQUESTS + "test_status_raising": "asserts that a 404 comes back unraised",
    _REQUESTS + r"test_unicode_get[\xf8-params4]": (
        "gets a path that its server answers with a 404"
    ),
}


def pytest_configure() -> None:
    """Put our session in requests' place: this script is the plugin, too."""
    # requests.get() and its like, and requests.session(), look in requests.sessions.
    requests.Session = requests.sessions.Session = CloudElementsSession


def failures(sources: Path, *options: str) -> set[str]:
    """Run the suite; return the ids of the tests that failed."""
    cache = sources / "cache"
    command = [sys.executable, "-m", "pytest", "-o", f"cache_dir={cache}"]
    command += ["--quiet", "--tb=short", "--disable-warnings", *options, "tests"]
    ended = subprocess.run(
        command,
        cwd=sources,
        # For -p, which needs this script's directory, and nothing of the checkout.
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        check=False,
    )
    if ended.returncode not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        sys.exit(ended.returncode)
    last_failed = cache / "v" / "cache" / "lastfailed"
    return set(json.loads(last_failed.read_text())) if last_failed.exists() else set()


def main() -> int:
    """Run the suite, and say what failed; 0 if that is what was expected."""
    with source_distribution(f"requests=={requests.__version__}") as sources:
        failed = failures(sources, "-p", Path(__file__).stem)
        # With requests as it is, only these again.
        anyway = failures(sources, "--last-failed") if failed else set()
    ours = failed - anyway
    lines = [f"requests {requests.__version__} with CloudElementsSession:"]
    lines += [f"{name} fails with any session" for name in sorted(anyway)]
    for name in sorted(ours | EXPECTED_FAILURES.keys()):
        outcome = "fails" if name in ours else "DOES NOT FAIL"
        lines.append(f"{name} {outcome}: {EXPECTED_FAILURES.get(name, 'UNEXPECTED')}")
    lines.append(
        f"{len(failed)} failed: {len(anyway)} with any session, "
        f"{len(ours & EXPECTED_FAILURES.keys())} of {len(EXPECTED_FAILURES)} as "
        f"expected, {len(ours - EXPECTED_FAILURES.keys())} unexpected"
    )
    sys.stdout.write("\n".join(["", *lines, ""]))
    return 0 if ours == EXPECTED_FAILURES.keys() else 1


if __name__ == "__main__":
    sys.exit(main())
