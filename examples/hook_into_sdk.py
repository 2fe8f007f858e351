"""A client SDK: put the hook or the adapter on the session that it holds.

`CrmClient` stands for any SDK that uses requests, keeps a session, and does not check
the status of responses.
"""

from __future__ import annotations

import requests

from cloud_elements_errors import (
    BadRequestError,
    CloudElementsAdapter,
    raise_for_error,
)
from cloud_elements_errors.testing import FakeCloudElements


class CrmClient:
    """Somebody else's code."""

    def __init__(self, base: str) -> None:
        """Keep a session."""
        self.base = base
        self.session = requests.Session()

    def contact_names(self) -> list[str]:
        """Return the names. After a failed request, this raises a KeyError."""
        page = self.session.get(f"{self.base}/contacts").json()
        return [contact["name"] for contact in page["contacts"]]


def main(base: str) -> None:
    """Use the hook, which raises errors. Then use the adapter, which also retries."""
    hooked = CrmClient(base)
    hooked.session.hooks["response"].append(raise_for_error)
    try:
        hooked.contact_names()
    except BadRequestError as error:
        print(error.provider_message)

    mounted = CrmClient(base)
    mounted.session.mount(f"{base}/", CloudElementsAdapter())
    print(mounted.contact_names())


if __name__ == "__main__":
    with FakeCloudElements() as platform:
        platform.reply(
            400,
            message="Bad Request",
            provider_message="3100 - message=AuthorizationFailed; statusCode=403",
        )
        platform.reply(500)
        platform.reply(200, body={"contacts": [{"name": "Ada"}, {"name": "Grace"}]})
        main(platform.url)
