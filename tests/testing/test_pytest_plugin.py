"""The pytest plugin: the fixture, and what it does at the end of a test."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cloud_elements_errors import CloudElementsSession

if TYPE_CHECKING:
    from pathlib import Path

    from cloud_elements_errors.testing import FakeCloudElements

pytest_plugins = ["pytester"]


def test_pytest_fixture(cloud_elements: FakeCloudElements) -> None:
    """The package's own fixture serves, and lets no retry wait."""
    cloud_elements.reply(503, headers={"Retry-After": "50"})
    with CloudElementsSession() as session:
        assert session.get(cloud_elements.url).json() == {}
    assert len(cloud_elements.requests) == 2


def test_pytest_fixture_is_listed_as_the_packages(
    request: pytest.FixtureRequest,
) -> None:
    """It comes with the package, by an entry point, and not with this suite."""
    [fixture] = request._fixturemanager.getfixturedefs("cloud_elements", request.node)
    assert fixture.func.__module__ == "cloud_elements_errors._testing.pytest_plugin"


TESTS = """
    import pytest, requests, unittest

    @pytest.fixture(autouse=True)
    def queued(cloud_elements):
        cloud_elements.reply(404, path="/a")

    @pytest.fixture
    def broken(queued):
        raise KeyError

    def test_passes(): pass
    def test_fails(): assert False
    def test_is_skipped(): pytest.skip()
    def test_is_an_xfail(): pytest.xfail()
    @pytest.mark.xfail(strict=True)
    def test_must_fail(): assert False
    @pytest.mark.xfail(strict=True)
    def test_must_fail_and_passes(): pass
    def test_has_no_fixture(broken): pass
    def test_resets(cloud_elements): cloud_elements.reset()
    def test_sends(cloud_elements): requests.get(cloud_elements.url + "/a")
    def test_errs(cloud_elements): requests.get(cloud_elements.url + "/A?\x1b")
    def test_asks_too(cloud_elements): cloud_elements.assert_all_sent()
    class TestCase(unittest.TestCase):
        def test_case(self): pass
        def test_failing_case(self): self.fail()
"""


def test_reply_that_no_request_got(pytester: pytest.Pytester) -> None:
    """It is an error at the end of a test that passes, and of no other."""
    pytester.makepyfile(TESTS)
    run = pytester.inline_run()
    ends: dict[str, list[str]] = {}
    texts = []
    for report in run.getreports("pytest_runtest_logreport"):
        name = report.nodeid.rpartition("::test_")[2]
        ends.setdefault(name, []).append(report.outcome)
        if report.when == "teardown" and report.failed:
            texts.append(str(report.longrepr))
    passed, failed, skipped = "passed", "failed", "skipped"
    assert ends == {
        "passes": [passed, passed, failed],
        "fails": [passed, failed, passed],
        "is_skipped": [passed, skipped, passed],
        "is_an_xfail": [passed, skipped, passed],
        "must_fail": [passed, skipped, passed],
        "must_fail_and_passes": [passed, failed, passed],
        "has_no_fixture": [failed, passed],
        "resets": [passed, passed, passed],
        "sends": [passed, passed, passed],
        "errs": [passed, passed, failed],
        "asks_too": [passed, failed, passed],
        "case": [passed, passed, failed],
        "failing_case": [passed, failed, passed],
    }
    missed = r"No request got:\nE +reply\(404, method=None, path='/a'\)\nE +Requests"
    assert len(texts) == 3
    assert all(re.search(missed, text) for text in texts)
    assert re.search(r"Requests that arrived: 1\nE +GET /A\?%1B\n", texts[1])


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="there are no subtests")
@pytest.mark.parametrize(("least", "errors"), [(3, 0), (2, 1)])
def test_a_subtest_that_fails(
    pytester: pytest.Pytester, least: int, errors: int
) -> None:
    """Its failure says enough; without one, the reply is missed."""
    pytester.makepyfile(f"""
        def test_rows(cloud_elements, subtests):
            cloud_elements.reply(404, path="/contacts/2")
            for row in (2, 3):
                with subtests.test(row=row):
                    assert row >= {least}
    """)
    outcomes = pytester.runpytest_inprocess().parseoutcomes()
    assert outcomes.get("errors", 0) == errors


def test_in_workers(tmp_path: Path) -> None:
    """The same with two workers of pytest-xdist, without a leak or a warning."""
    pytest.importorskip("xdist")
    test = tmp_path / "test_it.py"
    test.write_text(
        "import pytest, requests\n"
        "@pytest.mark.parametrize('number', range(20))\n"
        "def test(cloud_elements, number):\n"
        "    cloud_elements.reply(404)\n"
        "    if number: assert requests.get(cloud_elements.url).status_code == 404\n"
    )
    options = "-X dev -W error -m pytest -n 2 -W error -p no:cacheprovider"
    run = subprocess.run(
        [sys.executable, *options.split(), str(test)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.search(r"20 passed, 1 error in", run.stdout), run.stdout + run.stderr


def test_plugin_imports_little() -> None:
    """It is part of each run of pytest, also of those that never use the fixture."""
    heavy = {"requests", "urllib3", "ssl", "http.client", "http.server", "socketserver"}
    program = (
        "import sys, pytest; before = set(sys.modules);"
        "import cloud_elements_errors._testing.pytest_plugin;"
        f"print(sorted({heavy} & (set(sys.modules) - before)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert run.stdout == "[]\n"
