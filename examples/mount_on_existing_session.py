"""A session of your own: mount the adapter for the URLs of Cloud Elements.

Requests to other hosts are not changed.
"""

from __future__ import annotations

import requests

from cloud_elements_errors import CloudElementsAdapter, CloudElementsError
from cloud_elements_errors.testing import FakeCloudElements


def report(error: CloudElementsError) -> None:
    """Report an error before it is raised, for example to a dashboard."""
    print("seen:", type(error).__name__, error.origin, error.request_id)


def main(base: str) -> None:
    """Read a contact after a retry, and one that does not exist; delete the first."""
    session = requests.Session()
    # The slash at the end keeps https://api.example.com.evil.net out.
    session.mount(f"{base}/", CloudElementsAdapter(passthrough={404}, on_error=report))
    print(session.get(f"{base}/contacts/17", timeout=30).json())
    print(session.get(f"{base}/contacts/18", timeout=30).status_code)
    try:
        session.delete(f"{base}/contacts/17", timeout=30)
    except requests.HTTPError as error:  # existing code keeps working
        print(error)


if __name__ == "__main__":
    with FakeCloudElements() as platform:
        platform.reply(502, provider_message="Connection reset by peer")
        platform.reply(200, body={"id": 17, "name": "Ada"})
        platform.reply(404, message="No account found with ID 18")
        platform.reply(
            403,
            message="Request failed",
            provider_message="error - {code=403, message=Insufficient permission}",
        )
        main(platform.url)
