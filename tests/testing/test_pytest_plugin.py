"""The pytest fixture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloud_elements_errors import CloudElementsSession

if TYPE_CHECKING:
    import pytest

    from cloud_elements_errors.testing import FakeCloudElements


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
