"""Clients of Cloud Elements itself: the SDK on the index, and generated ones."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest
import requests
from bravado.client import SwaggerClient
from bravado.exception import HTTPConflict, HTTPNotFound
from bravado.requests_client import RequestsClient
from cloud_elements import ElementsConnector
from cloudelements import CloudElements
from openapi_generator_cli import run as run_openapi_generator
from uipath.platform import UiPath
from uipath.platform.errors import EnrichedException

from cloud_elements_errors import (
    BadRequestError,
    CloudElementsAdapter,
    CloudElementsRetry,
    CloudElementsSession,
    ConflictError,
    FailedRequestError,
    NotFoundError,
    ServerError,
    UnauthorizedError,
    patch_requests,
    translate_errors,
)

DOCUMENT = Path(__file__).with_name("crm_swagger.json")

SECRETS = "User dXNlcg==, Organization b3Jn, Element ZWxlbWVudA=="

CONTACT = {"id": "7", "name": "Ada"}


# cloudelements 0.2.1: module-level functions of requests, and it swallows errors


@pytest.fixture
def sdk(platform):
    """The SDK, pointed at the loopback platform."""
    client = CloudElements("dXNlcg==", "b3Jn", "ZWxlbWVudA==")
    client.base_url = f"{platform.url}/elements/api-v2"
    return client


def test_cloudelements_alone_tells_nothing(platform, sdk):
    """Why anybody wants this: a failure is a response that nobody checks."""
    platform.reply(502, provider_message="No such field: Nmae")
    assert sdk.get_crm_contact("7").status_code == 502
    assert len(platform.requests) == 1


def test_cloudelements_swallowed_errors_are_seen(platform, sdk):
    """The SDK returns None, and the block knows why, in the provider's words."""
    platform.reply(400, message="Bad", provider_message="No such field: Nmae")
    with patch_requests(sdk.base_url) as errors:
        assert sdk.get_crm_contacts("Nmae = 'Ada'") is None
    assert [type(error) for error in errors] == [BadRequestError]
    assert errors[-1].provider_message == "No such field: Nmae"
    assert errors[-1].url == f"{sdk.base_url}/hubs/crm/contacts"


def test_cloudelements_errors_can_be_raised_after_all(platform, sdk):
    """What the user writes to have an exception out of it."""
    platform.reply(401, provider_message="Token expired")

    def contact(number):
        with patch_requests(sdk.base_url) as errors:
            answer = sdk.get_crm_contact(number)
        if errors:
            raise errors[-1]
        return answer.json()

    with pytest.raises(UnauthorizedError, match="provider: Token expired"):
        contact("7")
    platform.reply(200, body=CONTACT)
    assert contact("7") == CONTACT


def test_cloudelements_heals_a_502(platform, sdk):
    """Retries, for an SDK that has none."""
    platform.reply(502, times=2)
    platform.reply(200, body=CONTACT)
    with patch_requests(sdk.base_url) as errors:
        assert sdk.get_crm_contact("7").json() == CONTACT
    assert errors == []
    assert len(platform.requests) == 3


def test_cloudelements_never_creates_twice(platform, sdk):
    """Its POST is not repeated."""
    platform.reply(502, method="POST")
    with patch_requests(sdk.base_url) as errors:
        assert sdk.create_crm_bulk_job("select * from contacts") is None
    assert errors[-1].stopped_by == "method"
    assert len(platform.requests) == 1


def test_cloudelements_still_does_its_own(platform, sdk):
    """Its authorization arrives as before, and no error repeats it."""
    platform.reply(400, message="Invalid Organization b3Jn, Element: ZWxlbWVudA==")
    with patch_requests(sdk.base_url) as errors:
        sdk.get_hubs()
    sent = platform.requests[0].headers["Authorization"]
    assert sent == "User dXNlcg==, Organization b3Jn, Element: ZWxlbWVudA=="
    assert "ZWxlbWVudA" not in str(errors[-1])


# bravado: it holds a session


@pytest.fixture
def bravado(platform):
    """Make a bravado client of the CRM hub, over a session."""
    document = json.loads(DOCUMENT.read_text())
    document["schemes"] = ["http"]
    document["host"] = platform.url.removeprefix("http://")
    made = []

    def make(session: requests.Session):
        http_client = RequestsClient()
        http_client.session.close()
        http_client.session = session  # the line that a user writes
        made.append(session)
        return SwaggerClient.from_spec(document, http_client=http_client).contacts

    yield make
    for session in made:
        session.close()


def test_bravado_raises_typed_errors(platform, bravado):
    """The session's errors come out of `response()` as they are."""
    platform.reply(409, provider_message="Ada exists", request_id="abc")
    contacts = bravado(CloudElementsSession())
    with pytest.raises(ConflictError, match="provider: Ada exists") as caught:
        contacts.createContact(Authorization=SECRETS, body=CONTACT).response()
    assert caught.value.request_id == "abc"
    assert caught.value.response.status_code == 409


def test_bravado_heals_a_502(platform, bravado):
    """Retries, and the model that bravado makes of the answer."""
    platform.reply(502, times=2)
    platform.reply(200, body=CONTACT)
    contacts = bravado(CloudElementsSession())
    contact = contacts.getContactById(Authorization=SECRETS, id="7").response().result
    assert contact.name == "Ada"
    assert len(platform.requests) == 3
    assert platform.requests[0].headers["Authorization"] == SECRETS


def test_bravado_with_an_adapter_on_its_own_session(platform, bravado):
    """The same by a mount, where the session is not to be replaced."""
    session = requests.Session()
    session.mount(f"{platform.url}/", CloudElementsAdapter())
    platform.reply(404)
    with pytest.raises(NotFoundError):
        bravado(session).getContactById(Authorization=SECRETS, id="7").response()


def test_bravado_fallbacks_name_our_error(platform, bravado):
    """bravado's own fallback works, with our class among those it catches."""
    platform.reply(502, times=4)
    call = bravado(CloudElementsSession()).getContacts(Authorization=SECRETS)
    answer = call.response(
        fallback_result=lambda error: [error.status_code],
        exceptions_to_catch=(ServerError, FailedRequestError),
    )
    assert answer.result == [502]
    assert answer.metadata.is_fallback_result


def test_bravado_keeps_its_own_exceptions(platform, bravado):
    """With all statuses passed through: retries from us, exceptions from bravado."""
    platform.reply(404, message="Not found")
    contacts = bravado(CloudElementsSession(passthrough=range(400, 600)))
    with pytest.raises(HTTPNotFound) as caught:
        contacts.getContactById(Authorization=SECRETS, id="7").response()
    assert caught.value.swagger_result.message == "Not found"


def test_bravado_exceptions_are_translated(platform, bravado):
    """translate_errors, over a session that we have never seen."""
    platform.reply(409, provider_message="Ada exists", request_id="abc")
    contacts = bravado(requests.Session())
    call = contacts.createContact(Authorization=SECRETS, body=CONTACT)
    with (
        pytest.raises(ConflictError, match="provider: Ada exists") as caught,
        translate_errors(),
    ):
        call.response()
    assert type(caught.value.__cause__) is HTTPConflict
    assert caught.value.request_id == "abc"


# openapi-generator: on urllib3, with no session at all


@pytest.fixture(scope="session")
def crm_client(tmp_path_factory):
    """Generate a package from the same document, and import it."""
    target = tmp_path_factory.mktemp("generated")
    command = ["generate", "-g", "python", "--package-name", "crm_client"]
    generated = run_openapi_generator(
        [*command, "-i", f"{DOCUMENT}", "-o", f"{target}"]
    )
    assert generated.returncode == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(target)
        yield importlib.import_module("crm_client")


@pytest.fixture
def generated(platform, crm_client):
    """Make a generated client with what the user sets in its configuration."""
    clients = []

    def make(retries=None):
        configuration = crm_client.Configuration(
            host=f"{platform.url}/elements/api-v2/hubs/crm"
        )
        configuration.retries = retries
        clients.append(crm_client.ApiClient(configuration))
        return crm_client.ContactsApi(clients[-1])

    yield make
    for client in clients:
        client.rest_client.pool_manager.clear()


def test_generated_client_heals_a_502(platform, generated):
    """`configuration.retries` takes our policy as it is."""
    platform.reply(502, times=2)
    platform.reply(200, body=CONTACT)
    contacts = generated(CloudElementsRetry())
    assert contacts.get_contact_by_id(SECRETS, "7").name == "Ada"
    assert len(platform.requests) == 3
    assert platform.requests[0].path == "/elements/api-v2/hubs/crm/contacts/7"


def test_generated_client_raises_its_own(platform, generated, crm_client):
    """The last answer is not lost in a MaxRetryError: the client makes its own."""
    platform.reply(502, times=4, message="Failed", provider_message="No such field")
    with pytest.raises(crm_client.exceptions.ServiceException) as caught:
        generated(CloudElementsRetry()).get_contact_by_id(SECRETS, "7")
    assert caught.value.status == 502
    assert "No such field" in caught.value.body


@pytest.mark.parametrize(
    ("status", "error", "attempts"),
    [
        (400, BadRequestError, 1),
        (401, UnauthorizedError, 1),
        (404, NotFoundError, 1),
        (409, ConflictError, 1),
        (500, ServerError, 4),
        (502, FailedRequestError, 4),
    ],
)
def test_generated_client_is_translated(platform, generated, status, error, attempts):
    """translate_errors: typed, in the provider's words, from the client's own."""
    platform.reply(
        status, times=60, provider_message="Nmae: No such field", request_id="abc"
    )
    contacts = generated(CloudElementsRetry())
    with (
        pytest.raises(error, match="provider: Nmae: No such field") as caught,
        translate_errors(),
    ):
        contacts.get_contact_by_id(SECRETS, "7")
    assert caught.value.__cause__.status == status
    assert caught.value.request_id == "abc"
    assert len(platform.requests) == attempts


def test_generated_client_never_creates_twice(platform, generated):
    """Its POST is not repeated."""
    platform.reply(502)
    contacts = generated(CloudElementsRetry())
    with pytest.raises(FailedRequestError), translate_errors():
        contacts.create_contact(SECRETS, CONTACT)
    assert len(platform.requests) == 1


# cloud-elements 0.2.2: holds a session, and takes an error's body for the result


class Headers(dict):
    """The connector was written for Python 2."""

    has_key = dict.__contains__


@pytest.fixture
def connector(platform):
    """The connector, pointed at the loopback platform."""
    return ElementsConnector(f"{platform.url}/elements/api-v1")


def read_contacts(connector):
    headers = Headers(elementToken="t")
    return connector.invoke("GET", "crm", "contacts", headers=headers)


def test_cloud_elements_alone_takes_an_error_for_a_result(platform, connector):
    """The reason why its row is there."""
    platform.reply(409, provider_message="Exists")
    assert read_contacts(connector)["providerMessage"] == "Exists"


def test_cloud_elements_raises_typed_errors(platform, connector):
    """With our session, the error is raised; a GET heals."""
    connector.session = CloudElementsSession()
    platform.reply(409, provider_message="Exists")
    with pytest.raises(ConflictError, match="Exists"):
        read_contacts(connector)
    platform.reply(502)
    platform.reply(200, body=CONTACT)
    assert read_contacts(connector) == CONTACT


# uipath-platform: the SDK of UiPath Integration Service, on httpx with own retries


def test_uipath_is_translated(platform):
    """Its exception says what failed; ours, in the provider's words, is its effect."""
    sdk = UiPath(base_url=f"{platform.url}/org/tenant", secret="t")
    platform.reply(409, provider_message="Exists")
    with pytest.raises(ConflictError, match="Exists") as caught, translate_errors():
        sdk.connections.retrieve("key")
    assert isinstance(caught.value.__cause__, EnrichedException)
    assert len(platform.requests) == 1
