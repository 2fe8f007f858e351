"""A fake Cloud Elements server on localhost, and retries without waits, for tests.

::

    with FakeCloudElements() as platform, no_wait():
        platform.reply(502, provider_message="Connection reset", times=2)
        session = CloudElementsSession()
        assert session.get(platform.url + "/contacts").json() == {}
        assert len(platform.requests) == 3

With pytest, the fixture ``cloud_elements`` does both. At the end of a test that has
passed, it calls `FakeCloudElements.assert_all_sent`.
"""

from ._testing.fake import FakeCloudElements
from ._testing.loopback import ReceivedRequest
from ._testing.no_wait import no_wait

__all__ = ["FakeCloudElements", "ReceivedRequest", "no_wait"]
