"""A POST that fails arrives once, by the guide's advice, whatever client sends it.

Some clients send it again by themselves: they are tried with their own retries on,
too, so that the guide's advice is known to be needed.
"""

# ruff: noqa: PLC0415 - each client is imported by its own test

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsError,
    CloudElementsRetry,
    CloudElementsSession,
    patch_requests,
    translate_errors,
)
from cloud_elements_errors.testing import FakeCloudElements, no_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Each of these sends one POST.


def cloudelements(url: str) -> Any:
    from cloudelements import CloudElements

    client = CloudElements("dXNlcg==", "b3Jn", "ZWxlbWVudA==")
    client.base_url = f"{url}/elements/api-v2"
    with patch_requests(client.base_url) as errors:
        client.create_crm_bulk_job("select * from contacts")
    raise errors[-1]


def bravado(url: str) -> Any:
    from bravado.requests_client import RequestsClient

    client = RequestsClient()
    client.session = CloudElementsSession()
    return client.request({"method": "POST", "url": f"{url}/contacts"}).response()


def github(url: str) -> Any:
    from github import Auth, Github

    client = Github(
        auth=Auth.Token("t"),
        base_url=url,
        retry=CloudElementsRetry(),
        seconds_between_requests=None,
        seconds_between_writes=None,
    )
    return client.get_user().create_repo("r")


def atlassian(url: str) -> Any:
    from atlassian import Jira

    return Jira(url, token="t", session=CloudElementsSession()).create_issue({})


def gitlab(url: str) -> Any:
    from gitlab import Gitlab

    session = CloudElementsSession(passthrough={429})
    client = Gitlab(url, private_token="t", session=session)
    return client.projects.create({"name": "ada"})


def hvac(url: str) -> Any:
    from hvac import Client

    session = CloudElementsSession(passthrough={403, 404, 429, 472, 473, 501, 503})
    client = Client(url, token="t", session=session)
    return client.secrets.kv.v1.create_or_update_secret("a", {"b": "c"}, method="POST")


def salesforce(url: str) -> Any:
    from simple_salesforce import Salesforce

    session = CloudElementsSession(passthrough={401})
    client = Salesforce(instance_url=url, session_id="s", session=session)
    client.base_url = f"{url}/services/data/"
    return client.restful("contacts", method="POST", data="{}")


def stripe(url: str) -> Any:
    from stripe import RequestsClient, StripeClient

    client = StripeClient(
        "sk_test_1",
        base_addresses={"api": url},
        http_client=RequestsClient(session=CloudElementsSession()),
        max_network_retries=0,
    )
    return client.v1.customers.create({"name": "Ada"})


def zeep(url: str) -> Any:
    from zeep.transports import Transport

    transport = Transport(session=CloudElementsSession(passthrough={500}))
    return transport.post(f"{url}/soap", "<a/>", {})


def google_auth(url: str) -> Any:
    from google.auth.transport.requests import AuthorizedSession
    from google.oauth2.credentials import Credentials

    session = AuthorizedSession(Credentials("token"))
    session.mount(f"{url}/", CloudElementsAdapter(passthrough={401}))
    return session.post(f"{url}/contacts", json={})


def uipath(url: str, *, by_the_guide: bool = True) -> Any:
    if sys.version_info < (3, 11):
        pytest.skip("uipath-platform needs Python 3.11")
    import tenacity
    from uipath.platform import UiPath

    service = UiPath(base_url=f"{url}/org/tenant", secret="t").connections
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service.request.retry, "sleep", lambda _seconds: None)
        if by_the_guide:
            once = tenacity.stop_after_attempt(1)
            patch.setattr(service.request.retry, "stop", once)
        return service.request("POST", "/elements_/v3/contacts", json={})


def docker(url: str) -> Any:
    from docker import APIClient

    client = APIClient(base_url=url, version="1.43")
    client.mount(f"{url}/", CloudElementsAdapter())
    return client.create_container("image")


def minio(url: str) -> Any:
    from minio import Minio
    from minio.deleteobjects import DeleteObject

    client = Minio(
        url.removeprefix("http://"),
        access_key="key",
        secret_key="secret",
        secure=False,
        region="us-east-1",
        http_client=urllib3.PoolManager(retries=CloudElementsRetry()),
    )
    return list(client.remove_objects("bucket", [DeleteObject("a")]))


def influxdb(url: str) -> Any:
    from influxdb_client import InfluxDBClient, PostBucketRequest

    client = InfluxDBClient(url, token="t", org="o", retries=CloudElementsRetry())
    bucket = PostBucketRequest(name="b", org_id="o", retention_rules=[])
    return client.buckets_api().create_bucket(bucket)


def box(url: str, *, by_the_guide: bool = True) -> Any:
    from box_sdk_gen import (
        BoxClient,
        BoxDeveloperTokenAuth,
        BoxNetworkClient,
        BoxRetryStrategy,
        CreateFolderParent,
        NetworkSession,
    )
    from box_sdk_gen.networking.base_urls import BaseUrls

    off = {"max_attempts": 1, "max_retries_on_exception": 0} if by_the_guide else {}
    network = NetworkSession(
        network_client=BoxNetworkClient(CloudElementsSession()),
        base_urls=BaseUrls(base_url=url, upload_url=url, oauth_2_url=url),
        retry_strategy=BoxRetryStrategy(retry_base_interval=0, **off),
    )
    client = BoxClient(BoxDeveloperTokenAuth("t"), network_session=network)
    return client.folders.create_folder("folder", CreateFolderParent(id="0"))


def opensearch(url: str, *, by_the_guide: bool = True) -> Any:
    from opensearchpy import OpenSearch, RequestsHttpConnection

    off = {"max_retries": 0} if by_the_guide else {}
    client = OpenSearch(url, connection_class=RequestsHttpConnection, **off)
    for connection in client.transport.connection_pool.connections:
        connection.session.mount(f"{url}/", CloudElementsAdapter())
    return client.index(index="contacts", body={"name": "Ada"})


def elasticsearch(url: str, *, by_the_guide: bool = True) -> Any:
    from elasticsearch import Elasticsearch

    off = {"max_retries": 0} if by_the_guide else {}
    client = Elasticsearch(url, node_class="requests", **off)
    for node in client.transport.node_pool.all():
        node.session.mount(f"{url}/", CloudElementsAdapter())
    return client.index(index="contacts", document={"name": "Ada"})


def pagerduty(url: str, *, by_the_guide: bool = True, **settings: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it has a successor
        from pdpyras import APISession

    client = APISession("token")
    client.url = url
    client.sleep_timer = 0
    client.parent.mount(f"{url}/", CloudElementsAdapter(**settings))
    if by_the_guide:
        client.max_network_attempts = 0
    return client.post("/incidents", json={})


def azure(url: str) -> Any:
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import RetryPolicy
    from azure.core.pipeline.transport import RequestsTransport
    from azure.core.rest import HttpRequest

    client = PipelineClient(
        url,
        policies=[RetryPolicy(retry_total=0)],
        transport=RequestsTransport(session=CloudElementsSession()),
    )
    response = client.send_request(HttpRequest("POST", f"{url}/contacts", json={}))
    response.raise_for_status()


def docusign(url: str) -> Any:
    from docusign_esign import ApiClient, EnvelopesApi

    client = ApiClient(host=url)
    pools = client.rest_client.pool_manager
    pools.connection_pool_kw["retries"] = CloudElementsRetry()
    return EnvelopesApi(client).create_envelope("account")


def notion(url: str) -> Any:
    from notion_client import Client

    client = Client(auth="t", base_url=url)
    return client.pages.create(parent={}, properties={})


def consul(url: str) -> Any:
    from consul import Consul
    from consul.callback import CB

    client = Consul(port=int(url.rpartition(":")[2]))
    client.http.session.mount(f"{url}/", CloudElementsAdapter(passthrough={404}))
    return client.http.post(CB.json(), "/v1/query")


def kubernetes(url: str) -> Any:
    from kubernetes import client

    configuration = client.Configuration(host=url)
    configuration.retries = CloudElementsRetry()
    api = client.CoreV1Api(client.ApiClient(configuration))
    return api.create_namespace(client.V1Namespace())


def brevo(url: str) -> Any:
    import sib_api_v3_sdk

    configuration = sib_api_v3_sdk.Configuration()
    configuration.host = url
    client = sib_api_v3_sdk.ApiClient(configuration)
    pools = client.rest_client.pool_manager
    pools.connection_pool_kw["retries"] = CloudElementsRetry()
    contact = sib_api_v3_sdk.CreateContact(email="ada@x.com")
    return sib_api_v3_sdk.ContactsApi(client).create_contact(contact)


def datadog(url: str) -> Any:
    from datadog_api_client import ApiClient, Configuration
    from datadog_api_client.v1.api.events_api import EventsApi
    from datadog_api_client.v1.model.event_create_request import EventCreateRequest

    client = ApiClient(Configuration(host=url, api_key={"apiKeyAuth": "k"}))
    pools = client.rest_client.pool_manager
    pools.connection_pool_kw["retries"] = CloudElementsRetry()
    return EventsApi(client).create_event(EventCreateRequest(text="a", title="b"))


def hubspot(url: str) -> Any:
    from hubspot import HubSpot
    from hubspot.crm.contacts import SimplePublicObjectInputForCreate

    api = HubSpot(access_token="t", retry=CloudElementsRetry()).crm.contacts.basic_api
    api.api_client.configuration.host = url
    return api.create(SimplePublicObjectInputForCreate(properties={}, associations=[]))


def mailchimp(url: str) -> Any:
    from mailchimp_marketing import Client

    client = Client({"api_key": "k", "server": "us1"})
    client.api_client.host = url
    with patch_requests(url):
        return client.lists.create_list({})


def jira(url: str) -> Any:
    from jira import JIRA

    client = JIRA(url, get_server_info=False, max_retries=0)
    client._session.mount(f"{url}/", CloudElementsAdapter())
    return client.add_comment("A-1", "New")


def spotipy(url: str) -> Any:
    from spotipy import Spotify

    client = Spotify(auth="t", requests_session=CloudElementsSession())
    client.prefix = f"{url}/"
    return client.user_playlist_create("ada", "songs")


def airtable(url: str) -> Any:
    from pyairtable import Api

    client = Api("key", endpoint_url=url, retry_strategy=None)
    client.session.mount(f"{url}/", CloudElementsAdapter())
    return client.table("base", "table").create({"name": "Ada"})


def googlemaps(url: str) -> Any:
    from googlemaps import Client

    client = Client(key="AIza", requests_session=CloudElementsSession())
    return client._request("/locate", {}, base_url=url, post_json={})


CLIENTS = [
    *(cloudelements, bravado, github, atlassian, gitlab, hvac, salesforce, stripe),
    *(zeep, google_auth, uipath, docker, minio, influxdb, box, opensearch),
    *(elasticsearch, pagerduty, azure, docusign, notion, consul, kubernetes, brevo),
    *(datadog, hubspot, mailchimp, jira, spotipy, airtable, googlemaps),
]


# Minio reads errors in XML alone.
S3_ERROR = """<Error><Code>Conflict</Code><Message>Exists</Message>
<Resource>/</Resource><RequestId>r</RequestId><HostId>h</HostId></Error>"""

# How often their POST arrives with their own retries on, after a 409 and after a 502.
THAT_MULTIPLY: dict[Callable[..., Any], tuple[int, int]] = {
    box: (3, 3),
    elasticsearch: (4, 4),
    opensearch: (4, 4),
    pagerduty: (4, 4),
    uipath: (1, 5),
}


@pytest.fixture
def platform() -> Iterator[FakeCloudElements]:
    """A platform, and retries that do not wait."""
    with FakeCloudElements() as server, no_wait():
        yield server


def fail(platform: FakeCloudElements, post: Callable[..., Any], status: int) -> None:
    """Let each POST fail."""
    body = S3_ERROR if post is minio else None
    headers = {"Content-Type": "application/xml"} if post is minio else {}
    platform.reply(status, body=body, headers=headers, method="POST", times=60)


def posts(platform: FakeCloudElements) -> int:
    """Count the POSTs that have arrived."""
    return [one.method for one in platform.requests].count("POST")


@pytest.mark.parametrize("status", [409, 502])
@pytest.mark.parametrize("post", CLIENTS, ids=lambda post: post.__name__)
def test_a_post_arrives_once(
    platform: FakeCloudElements, post: Callable[[str], Any], status: int
) -> None:
    """Whatever the status, and the error that comes out is typed."""
    fail(platform, post, status)
    with pytest.raises(CloudElementsError) as caught, translate_errors():
        post(platform.url)
    assert caught.value.status_code == status
    assert posts(platform) == 1


@pytest.mark.parametrize("status", [409, 502])
@pytest.mark.parametrize("post", THAT_MULTIPLY, ids=lambda post: post.__name__)
def test_what_arrives_with_their_own_retries_on(
    platform: FakeCloudElements, post: Callable[..., Any], status: int
) -> None:
    """They take our error for a network failure, or repeat a 502 on purpose."""
    fail(platform, post, status)
    with pytest.raises(CloudElementsError), translate_errors():
        post(platform.url, by_the_guide=False)
    assert posts(platform) == THAT_MULTIPLY[post][[409, 502].index(status)]


@pytest.mark.parametrize("status", [409, 502])
def test_a_client_that_keeps_its_retries_and_exceptions(
    platform: FakeCloudElements, status: int
) -> None:
    """The other way: no retries of ours, and every response as the server sent it."""
    settings = {"max_retries": 0, "passthrough": range(400, 600)}
    fail(platform, pagerduty, status)
    response = pagerduty(platform.url, by_the_guide=False, **settings)
    assert response.status_code == status
    assert posts(platform) == 1


def test_no_retries_of_ours_are_not_enough(platform: FakeCloudElements) -> None:
    """The client still takes our error for a network failure."""
    fail(platform, pagerduty, 502)
    with pytest.raises(CloudElementsError), translate_errors():
        pagerduty(platform.url, by_the_guide=False, max_retries=0)
    assert posts(platform) == 4
