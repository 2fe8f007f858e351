"""Clients of other people, each with the same four questions.

Does a 409 reach the user as a `ConflictError`? Does a GET heal a 502? Does a 502 that
stays arrive four times, and not four times four? Does the client still do its own
work with a 200?
"""

# ruff: noqa: PLC0415 - each client is imported by its own test

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import requests
import urllib3

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsRetry,
    CloudElementsSession,
    ConflictError,
    FailedRequestError,
    patch_requests,
    translate_errors,
)
from cloud_elements_errors.testing import (
    FakeCloudElements,
    ReceivedRequest,
    no_wait,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BUCKETS = """<?xml version="1.0" encoding="UTF-8"?>
<ListAllMyBucketsResult><Buckets><Bucket><Name>b</Name>
<CreationDate>2026-01-01T00:00:00.000Z</CreationDate></Bucket></Buckets>
</ListAllMyBucketsResult>"""
S3_ERROR = """<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>Conflict</Code><Message>Exists</Message><Resource>/</Resource>
<RequestId>r</RequestId><HostId>h</HostId></Error>"""


class Case(NamedTuple):
    """A client, plugged in as the guide says, and what it makes of a 200."""

    plug: Callable[[str], Callable[[], Any]]
    body: Any
    result: Any
    error_body: str | None = None
    content_type: str = "application/json"


def to_loopback(url: str) -> CloudElementsAdapter:
    """Return an adapter for a client that insists on a host of its own."""

    class ToLoopback(CloudElementsAdapter):
        def send(
            self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
        ) -> requests.Response:
            wanted, request.url = request.url, url + request.path_url
            response = super().send(request, *args, **kwargs)
            request.url, response.url = wanted, wanted or ""
            return response

    return ToLoopback()


def docker(url: str) -> Callable[[], Any]:
    import docker

    client = docker.APIClient(base_url=url, version="1.43")
    client.mount(f"{url}/", CloudElementsAdapter())
    return client.version


def msal(url: str) -> Callable[[], Any]:
    import msal

    session = CloudElementsSession()
    session.mount("http://169.254.169.254/", to_loopback(url))
    client = msal.ManagedIdentityClient(
        msal.SystemAssignedManagedIdentity(), http_client=session
    )
    return lambda: client.acquire_token_for_client(resource="r")["access_token"]


def minio(url: str) -> Callable[[], Any]:
    from minio import Minio

    client = Minio(
        url.removeprefix("http://"),
        access_key="key",
        secret_key="secret",
        secure=False,
        region="us-east-1",
        http_client=urllib3.PoolManager(retries=CloudElementsRetry()),
    )
    return translate_errors()(lambda: [one.name for one in client.list_buckets()])


def influxdb(url: str) -> Callable[[], Any]:
    from influxdb_client import InfluxDBClient

    client = InfluxDBClient(url, token="t", org="o", retries=CloudElementsRetry())
    api = client.buckets_api()
    return translate_errors()(lambda: api.find_buckets().buckets[0].name)


def zenpy(url: str) -> Callable[[], Any]:
    from zenpy import Zenpy

    session = requests.Session()
    session.mount("https://x.zendesk.com/", to_loopback(url))
    client = Zenpy(subdomain="x", email="a@b.c", token="t", session=session)
    return lambda: client.users(id=17).name


def box(url: str) -> Callable[[], Any]:
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
        retry_strategy=BoxRetryStrategy(max_attempts=1, max_retries_on_exception=0),
    )
    client = BoxClient(BoxDeveloperTokenAuth(token="t"), network_session=network)
    return translate_errors()(lambda: client.users.get_user_me().name)


def office365(url: str) -> Callable[[], Any]:
    from office365.sharepoint.client_context import ClientContext

    context = ClientContext(url).with_access_token(lambda: None)

    @translate_errors()
    def title() -> Any:
        with patch_requests(url):
            return context.web.get().execute_query().title

    return title


def opensearch(url: str) -> Callable[[], Any]:
    from opensearchpy import OpenSearch, RequestsHttpConnection

    client = OpenSearch(url, connection_class=RequestsHttpConnection, max_retries=0)
    for connection in client.transport.connection_pool.connections:
        connection.session.mount(f"{url}/", CloudElementsAdapter())
    return translate_errors()(client.info)


def googlemaps(url: str) -> Callable[[], Any]:
    import googlemaps

    client = googlemaps.Client(
        key="AIza", base_url=url, requests_session=CloudElementsSession()
    )
    return translate_errors()(lambda: client.geocode("here"))


def consul(url: str) -> Callable[[], Any]:
    import consul

    client = consul.Consul(port=int(url.rpartition(":")[2]))
    client.http.session.mount(f"{url}/", CloudElementsAdapter(passthrough={404}))
    return client.status.leader


def kubernetes(url: str) -> Callable[[], Any]:
    from kubernetes import client

    configuration = client.Configuration(host=url)
    configuration.retries = CloudElementsRetry()
    api = client.VersionApi(client.ApiClient(configuration))
    return translate_errors()(lambda: api.get_code().major)


def brevo(url: str) -> Callable[[], Any]:
    import sib_api_v3_sdk

    configuration = sib_api_v3_sdk.Configuration()
    configuration.host = url
    client = sib_api_v3_sdk.ApiClient(configuration)
    pools = client.rest_client.pool_manager
    pools.connection_pool_kw["retries"] = CloudElementsRetry()
    api = sib_api_v3_sdk.ContactsApi(client)
    return translate_errors()(lambda: api.get_contacts().count)


def datadog(url: str) -> Callable[[], Any]:
    from datadog_api_client import ApiClient, Configuration
    from datadog_api_client.v1.api.authentication_api import AuthenticationApi

    client = ApiClient(Configuration(host=url, api_key={"apiKeyAuth": "k"}))
    pools = client.rest_client.pool_manager
    pools.connection_pool_kw["retries"] = CloudElementsRetry()
    return translate_errors()(lambda: AuthenticationApi(client).validate().valid)


def hubspot(url: str) -> Callable[[], Any]:
    from hubspot import HubSpot

    api = HubSpot(access_token="t", retry=CloudElementsRetry()).crm.owners.owners_api
    api.api_client.configuration.host = url
    return translate_errors()(lambda: api.get_page().results)


def mailchimp(url: str) -> Callable[[], Any]:
    from mailchimp_marketing import Client

    client = Client({"api_key": "k", "server": "us1"})
    client.api_client.host = url

    @translate_errors()
    def get() -> Any:
        with patch_requests(url):
            return client.ping.get()

    return get


def jira(url: str) -> Callable[[], Any]:
    from jira import JIRA

    client = JIRA(url, get_server_info=False, max_retries=0)
    client._session.mount(f"{url}/", CloudElementsAdapter())
    return lambda: client.myself()["name"]


def spotipy(url: str) -> Callable[[], Any]:
    from spotipy import Spotify

    client = Spotify(auth="t", requests_session=CloudElementsSession())
    client.prefix = f"{url}/"
    return translate_errors()(client.me)


def airtable(url: str) -> Callable[[], Any]:
    from pyairtable import Api

    client = Api("key", endpoint_url=url, retry_strategy=None)
    client.session.mount(f"{url}/", CloudElementsAdapter())
    return client.whoami


OBJECT = {"name": "Ada"}
CASES = {
    "docker": Case(docker, {"Version": "1"}, {"Version": "1"}),
    "msal": Case(msal, {"access_token": "a", "expires_in": 9999}, "a"),
    "minio": Case(minio, BUCKETS, ["b"], S3_ERROR, "application/xml"),
    "influxdb-client": Case(
        influxdb, {"buckets": [{"name": "b", "retentionRules": []}]}, "b"
    ),
    "zenpy": Case(zenpy, {"user": {"id": 17, "name": "Ada"}}, "Ada"),
    "boxsdk": Case(box, {"id": "1", "type": "user", "name": "Ada"}, "Ada"),
    "office365-rest-python-client": Case(office365, {"d": {"Title": "T"}}, "T"),
    "opensearch-py": Case(opensearch, OBJECT, OBJECT),
    "googlemaps": Case(googlemaps, {"status": "OK", "results": [1]}, [1]),
    "py-consul": Case(consul, '"leader"', "leader"),
    "kubernetes": Case(
        kubernetes,
        dict.fromkeys(
            [
                *("buildDate", "compiler", "gitCommit", "gitTreeState", "gitVersion"),
                *("goVersion", "major", "minor", "platform"),
            ],
            "1",
        ),
        "1",
    ),
    "sib-api-v3-sdk": Case(brevo, {"contacts": [], "count": 3}, 3),
    "datadog-api-client": Case(datadog, {"valid": True}, True),
    "hubspot-api-client": Case(hubspot, {"results": []}, []),
    "mailchimp-marketing": Case(mailchimp, OBJECT, OBJECT),
    "jira": Case(jira, OBJECT, "Ada"),
    "spotipy": Case(spotipy, OBJECT, OBJECT),
    "pyairtable": Case(airtable, {"id": "u"}, {"id": "u"}),
}


@pytest.fixture
def platform() -> Iterator[FakeCloudElements]:
    """A platform, and retries that do not wait."""
    with FakeCloudElements() as server, no_wait():
        # SharePoint asks for a digest before it asks for anything else.
        digest = {"FormDigestValue": "d", "FormDigestTimeoutSeconds": 1800}
        server.reply(200, method="POST", body=digest, times=99)
        yield server


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    """One client."""
    return request.param


def gets(platform: FakeCloudElements) -> list[ReceivedRequest]:
    """Return the GETs that have arrived."""
    return [one for one in platform.requests if one.method == "GET"]


def fail(platform: FakeCloudElements, case: Case, status: int, times: int) -> None:
    platform.reply(
        status,
        provider_message="Exists",
        body=case.error_body,
        times=times,
        method="GET",
        headers={"Content-Type": case.content_type},
    )


def succeed(platform: FakeCloudElements, case: Case) -> None:
    body = case.body if isinstance(case.body, str) else json.dumps(case.body)
    headers = {"Content-Type": case.content_type}
    platform.reply(200, body=body, headers=headers, times=9, method="GET")


def test_a_409_reaches_the_user_typed(platform: FakeCloudElements, case: Case) -> None:
    """With the provider's words, and after one attempt."""
    get = case.plug(platform.url)
    fail(platform, case, 409, 60)
    with pytest.raises(ConflictError) as caught:
        get()
    assert "Exists" in caught.value.text
    assert len(gets(platform)) == 1


def test_a_get_heals_a_502(platform: FakeCloudElements, case: Case) -> None:
    """The client sees the 200 alone, and does its own work with it."""
    get = case.plug(platform.url)
    fail(platform, case, 502, 1)
    succeed(platform, case)
    assert get() == case.result
    assert len(gets(platform)) == 2


def test_retries_are_not_multiplied(platform: FakeCloudElements, case: Case) -> None:
    """A 502 that stays arrives four times: one attempt, three retries."""
    get = case.plug(platform.url)
    fail(platform, case, 502, 60)
    with pytest.raises(FailedRequestError):
        get()
    assert len(gets(platform)) == 4


def test_the_client_does_its_own_work(platform: FakeCloudElements, case: Case) -> None:
    """A 200 is what it was."""
    get = case.plug(platform.url)
    succeed(platform, case)
    assert get() == case.result
