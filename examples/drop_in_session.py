"""New code: `CloudElementsSession` in place of `requests.Session`.

This example starts a fake Cloud Elements server on localhost. In your code, the URL is
https://api.cloud-elements.com/elements/api-v2.
"""

from __future__ import annotations

from cloud_elements_errors import (
    CloudElementsError,
    CloudElementsSession,
    ConflictError,
    NotFoundError,
)
from cloud_elements_errors.testing import FakeCloudElements


def main(base: str) -> None:
    """Create a contact that exists, and read a list that is empty."""
    session = CloudElementsSession(timeout=30)
    session.headers["Authorization"] = "User u=, Organization o=, Element e="
    try:
        session.post(f"{base}/contacts", json={"email": "ada@example.com"})
    except ConflictError as error:
        print("exists already:", error.provider_message)
    except CloudElementsError as error:
        print(error)  # one line: status, messages, request id, method, path
        raise
    try:
        contacts = session.get(f"{base}/contacts").json()
    except NotFoundError as error:
        if not error.is_empty_result:
            raise
        contacts = []
    print("contacts:", contacts)


if __name__ == "__main__":
    with FakeCloudElements() as platform:
        platform.reply(
            409,
            message="Request failed",
            provider_message="Item with the same name already exists",
        )
        platform.reply(404, message="No contacts found")
        main(platform.url)
