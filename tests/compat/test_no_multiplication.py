"""A 502 that stays arrives four times, whatever retries the client has of its own.

The clients of ``test_clients_four_questions.py`` are held to that there.
"""

# ruff: noqa: PLC0415 - each client is imported by its own test

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsRetry,
    CloudElementsSession,
    ConflictError,
    patch_requests,
    translate_errors,
)
from cloud_elements_errors.testing import FakeCloudElements, no_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def platform() -> Iterator[FakeCloudElements]:
    """A platform on which sixty GETs fail, and retries that do not wait."""
    with FakeCloudElements() as server, no_wait():
        yield server


def cloudelements(url: str) -> None:
    from cloudelements import CloudElements

    client = CloudElements("dXNlcg==", "b3Jn", "ZWxlbWVudA==")
    client.base_url = f"{url}/elements/api-v2"
    with patch_requests(client.base_url):
        client.get_crm_contact("7")


def atlassian(url: str) -> None:
    from atlassian import Jira

    Jira(url, token="t", session=CloudElementsSession()).myself()


def gitlab(url: str) -> None:
    from gitlab import Gitlab

    session = CloudElementsSession(passthrough={429})
    Gitlab(url, private_token="t", session=session).projects.get(1)


def hvac(url: str) -> None:
    from hvac import Client

    session = CloudElementsSession(passthrough={403, 404, 429, 472, 473, 501, 503})
    Client(url, token="t", session=session).secrets.kv.v1.read_secret("a")


def github(url: str) -> None:
    from github import Auth, Github

    Github(
        auth=Auth.Token("t"),
        base_url=url,
        retry=CloudElementsRetry(),
        seconds_between_requests=None,
    ).get_user("ada")


def salesforce(url: str) -> None:
    from simple_salesforce import Salesforce

    session = CloudElementsSession(passthrough={401})
    client = Salesforce(instance_url=url, session_id="s", session=session)
    client.base_url = f"{url}/services/data/"
    client.restful("limits")


def stripe(url: str) -> None:
    from stripe import RequestsClient, StripeClient

    StripeClient(
        "sk_test_1",
        base_addresses={"api": url},
        http_client=RequestsClient(session=CloudElementsSession()),
        max_network_retries=0,
    ).v1.customers.retrieve("c")


def google_auth(url: str) -> None:
    from google.auth.transport.requests import AuthorizedSession
    from google.oauth2.credentials import Credentials

    session = AuthorizedSession(Credentials("token"))
    session.mount(f"{url}/", CloudElementsAdapter(passthrough={401}))
    session.get(f"{url}/contacts")


def zeep(url: str) -> None:
    from zeep import Client
    from zeep.transports import Transport

    session = CloudElementsSession(passthrough={500})
    Client(f"{url}/?wsdl", transport=Transport(session=session))


def bravado(url: str) -> None:
    from bravado.client import SwaggerClient
    from bravado.requests_client import RequestsClient

    client = RequestsClient()
    client.session = CloudElementsSession()
    SwaggerClient.from_url(f"{url}/swagger.json", http_client=client)


CLIENTS = [
    *(cloudelements, atlassian, gitlab, hvac, github, salesforce, stripe),
    *(google_auth, zeep, bravado),
]


@pytest.mark.parametrize("ask", CLIENTS, ids=lambda ask: ask.__name__)
def test_a_502_that_stays_arrives_four_times(
    platform: FakeCloudElements, ask: Callable[[str], None]
) -> None:
    """One attempt and three retries, with sixty failures waiting."""
    platform.reply(502, times=60)
    with suppress(Exception):  # of whatever kind: here only the server is asked
        ask(platform.url)
    assert [one.method for one in platform.requests] == ["GET"] * 4


# Some clients would multiply: their rows in the guide switch their own retries off.


def opensearch(url: str) -> None:
    from opensearchpy import OpenSearch, RequestsHttpConnection

    client = OpenSearch(url, connection_class=RequestsHttpConnection)
    for connection in client.transport.connection_pool.connections:
        connection.session.mount(f"{url}/", CloudElementsAdapter())
    client.info()


def box(url: str) -> None:
    from box_sdk_gen import (
        BoxClient,
        BoxDeveloperTokenAuth,
        BoxNetworkClient,
        BoxRetryStrategy,
        NetworkSession,
    )
    from box_sdk_gen.networking.base_urls import BaseUrls

    network = NetworkSession(
        network_client=BoxNetworkClient(CloudElementsSession()),
        base_urls=BaseUrls(base_url=url, upload_url=url, oauth_2_url=url),
        retry_strategy=BoxRetryStrategy(retry_base_interval=0),
    )
    BoxClient(BoxDeveloperTokenAuth("t"), network_session=network).users.get_user_me()


def azure(url: str) -> None:
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import RetryPolicy
    from azure.core.pipeline.transport import RequestsTransport
    from azure.core.rest import HttpRequest

    client = PipelineClient(
        url,
        policies=[RetryPolicy(retry_backoff_factor=0)],
        transport=RequestsTransport(session=CloudElementsSession()),
    )
    client.send_request(HttpRequest("GET", f"{url}/contacts"))


@pytest.mark.parametrize("ask", [opensearch, box, azure], ids=lambda ask: ask.__name__)
def test_these_multiply_unless_their_own_retries_are_off(
    platform: FakeCloudElements, ask: Callable[[str], None]
) -> None:
    """The budget bounds that; switching them off works (the four questions)."""
    platform.reply(502, times=60)
    with suppress(Exception):
        ask(platform.url)
    assert 4 < len(platform.requests) <= 16


# notion-client is on httpx: typed errors, and the retries are its own


@pytest.fixture
def notion(platform: FakeCloudElements) -> Any:
    """The client, pointed at the loopback platform."""
    from notion_client import Client

    return Client(auth="t", base_url=platform.url)


def test_notion_is_translated(platform: FakeCloudElements, notion: Any) -> None:
    """Its exception has the parts of the response."""
    platform.reply(409, provider_message="Exists", times=9)
    with pytest.raises(ConflictError, match="Exists"), translate_errors():
        notion.users.me()


def test_notion_does_its_own_work(platform: FakeCloudElements, notion: Any) -> None:
    """A 200 is what it was."""
    platform.reply(200, body={"name": "Ada"})
    with translate_errors():
        assert notion.users.me() == {"name": "Ada"}
