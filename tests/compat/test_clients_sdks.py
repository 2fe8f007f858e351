"""SDKs of other platforms, which take a session, a policy, or a mount.

For each: errors typed and in the provider's words, a 502 that heals, and what the
SDK does by itself, with what it takes to keep it.
"""

from __future__ import annotations

import atlassian
import gitlab
import hvac
import pytest
import requests
import simple_salesforce
import stripe
import zeep
from atlassian.errors import ApiError
from github import Auth, Github, GithubException, GithubRetry, UnknownObjectException
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.credentials import Credentials
from hvac.exceptions import Forbidden
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
)

from cloud_elements_errors import (
    BadRequestError,
    CloudElementsAdapter,
    CloudElementsRetry,
    CloudElementsSession,
    ConflictError,
    FailedRequestError,
    ForbiddenError,
    NotFoundError,
    ServerError,
    UnauthorizedError,
    UnlistedStatusError,
    patch_requests,
    raise_for_error,
    translate_errors,
)


@pytest.fixture
def session():
    """Make the session that goes into an SDK, and close it."""
    made = []

    def make(**settings):
        made.append(CloudElementsSession(**settings))
        return made[-1]

    yield make
    for session in made:
        session.close()


def paths(platform):
    return [request.path for request in platform.requests]


# PyGithub: takes a policy, holds its sessions to itself


@pytest.fixture
def github(platform):
    """Make a client with a policy."""
    made = []

    def make(retry=None):
        made.append(
            Github(
                auth=Auth.Token("t"),
                base_url=platform.url,
                retry=retry,
                seconds_between_requests=None,
                seconds_between_writes=None,
            )
        )
        return made[-1]

    yield make
    for client in made:
        client.close()


def test_pygithub_heals_a_502(platform, github):
    """`retry=` takes our policy as it is."""
    platform.reply(502, times=2)
    platform.reply(200, body={"login": "ada"})
    assert github(CloudElementsRetry()).get_user("ada").login == "ada"
    assert len(platform.requests) == 3


@pytest.mark.parametrize(
    ("status", "error", "attempts"),
    [
        (401, UnauthorizedError, 1),
        (404, NotFoundError, 1),
        (409, ConflictError, 1),
        (502, FailedRequestError, 4),
    ],
)
def test_pygithub_is_translated(platform, github, status, error, attempts):
    """Its exception holds the parsed body: ours has the provider's words again."""
    platform.reply(status, times=4, provider_message="No Nmae", request_id="abc")
    client = github(CloudElementsRetry())
    with pytest.raises(error, match="No Nmae") as caught, translate_errors():
        client.get_user("ada")
    assert isinstance(caught.value.__cause__, GithubException)
    assert caught.value.provider_message == "No Nmae"
    assert caught.value.request_id == "abc"
    assert len(platform.requests) == attempts


def test_pygithub_keeps_its_own_exceptions(platform, github):
    """With our policy and nothing else, it raises what it always raised."""
    platform.reply(404, message="Not Found")
    with pytest.raises(UnknownObjectException):
        github(CloudElementsRetry()).get_user("ada")


def test_pygithub_under_a_patch_keeps_its_own_rate_limits(platform, github):
    """GithubRetry waits out a rate limit, which is a 403; other errors are typed."""
    platform.reply(403, message="You have exceeded a secondary rate limit, wait.")
    platform.reply(200, body={"login": "ada"})
    platform.reply(404, provider_message="No user ada")
    with patch_requests(platform.url, max_retries=GithubRetry()):
        assert github().get_user("ada").login == "ada"
        with pytest.raises(NotFoundError, match="provider: No user ada"):
            github().get_user("ada")
    assert len(platform.requests) == 3


# atlassian-python-api: takes a session


def test_atlassian_raises_typed_errors(platform, session):
    """Where it made "Unknown error" of the body, ours has the provider's words."""
    platform.reply(400, message="Bad", provider_message="No such field: Nmae")
    with (
        atlassian.Jira(platform.url, token="t", session=session()) as jira,
        pytest.raises(BadRequestError, match="No such field: Nmae"),
    ):
        jira.issue("A-1")


def test_atlassian_heals_a_502(platform, session):
    """Retries, without its own backoff_and_retry; its authentication is sent."""
    platform.reply(502, times=2)
    platform.reply(200, body={"key": "A-1"})
    with atlassian.Jira(platform.url, token="t", session=session()) as jira:
        assert jira.issue("A-1") == {"key": "A-1"}
    assert len(platform.requests) == 3
    assert platform.requests[2].headers["Authorization"] == "Bearer t"


def test_atlassian_keeps_its_own_exceptions(platform, session):
    """It looks at the response of an HTTPError, and ours is one, and has one."""
    platform.reply(404, times=2, provider_message="No page 7")
    with atlassian.Confluence(
        platform.url, token="t", session=session(), cloud=False
    ) as confluence:
        with pytest.raises(ApiError, match="no content with the given id") as caught:
            confluence.get_page_by_id(7)
        assert isinstance(caught.value.reason, NotFoundError)
        with pytest.raises(NotFoundError, match="No page 7"), translate_errors():
            confluence.get_page_by_id(7)


def test_atlassian_keeps_its_own_wait(platform, session):
    """Its one retry after a 429 needs the plain response: pass it through."""
    platform.reply(429, headers={"Retry-After": "0"})
    platform.reply(200, body={"key": "A-1"})
    with atlassian.Jira(
        platform.url,
        token="t",
        session=session(passthrough={429}, max_retries=0),
        retry_with_header=True,
    ) as jira:
        assert jira.create_issue({"summary": "New"}) == {"key": "A-1"}
    assert len(platform.requests) == 2


# python-gitlab: takes a session


def test_gitlab_raises_typed_errors(platform, session):
    """Ours is no GitlabHttpError, so that no manager renames it."""
    platform.reply(404, provider_message="No project 7", request_id="abc")
    with (
        gitlab.Gitlab(platform.url, private_token="t", session=session()) as client,
        pytest.raises(NotFoundError, match="provider: No project 7") as caught,
    ):
        client.projects.get(7)
    assert caught.value.request_id == "abc"


def test_gitlab_heals_a_502(platform, session):
    """Retries, without its own retry_transient_errors."""
    platform.reply(502, times=2)
    platform.reply(200, body={"id": 7, "name": "ada"})
    with gitlab.Gitlab(platform.url, private_token="t", session=session()) as client:
        assert client.projects.get(7).name == "ada"
    assert len(platform.requests) == 3
    assert platform.requests[2].headers["PRIVATE-TOKEN"] == "t"


def test_gitlab_keeps_its_own_rate_limits(platform, session):
    """It waits out a 429 for writes too, which it must see: pass it through."""
    platform.reply(429, headers={"Retry-After": "0"})
    platform.reply(201, body={"id": 7, "name": "ada"})
    with gitlab.Gitlab(
        platform.url, private_token="t", session=session(passthrough={429})
    ) as client:
        assert client.projects.create({"name": "ada"}).id == 7
    assert len(platform.requests) == 2


def test_gitlab_keeps_its_own_exceptions(platform, session):
    """With all statuses passed through: retries from us, exceptions from gitlab."""
    platform.reply(502, times=4)
    with (
        gitlab.Gitlab(
            platform.url,
            private_token="t",
            session=session(passthrough=range(400, 600)),
        ) as client,
        pytest.raises(gitlab.GitlabGetError) as caught,
    ):
        client.projects.get(7)
    assert caught.value.response_code == 502
    assert len(platform.requests) == 4


# hvac: takes a session

# What hvac decides itself: 403 and 404 mean "no", and health is told by a status.
HVAC = {403, 404, 429, 472, 473, 501, 503}


def test_hvac_raises_typed_errors(platform, session):
    """In place of VaultError, whose status is gone."""
    platform.reply(400, provider_message="permission model is wrong")
    vault = hvac.Client(platform.url, token="t", session=session(passthrough=HVAC))
    with pytest.raises(BadRequestError, match="permission model is wrong"):
        vault.read("secret/contact")


def test_hvac_heals_a_502(platform, session):
    """Retries, and its token is sent."""
    platform.reply(502, times=2)
    platform.reply(200, body={"data": {"name": "ada"}})
    vault = hvac.Client(platform.url, token="t", session=session(passthrough=HVAC))
    assert vault.read("secret/contact")["data"] == {"name": "ada"}
    assert len(platform.requests) == 3
    assert platform.requests[2].headers["X-Vault-Token"] == "t"


def test_hvac_keeps_its_own_answers(platform, session):
    """None for what is not there, False for a bad token, health by status."""
    vault = hvac.Client(platform.url, token="t", session=session(passthrough=HVAC))
    platform.reply(404, body={"errors": []})
    assert vault.read("secret/nothing") is None
    platform.reply(403, body={"errors": ["permission denied"]})
    assert vault.is_authenticated() is False
    platform.reply(503, body={"sealed": True})
    assert vault.sys.read_health_status(method="GET").json() == {"sealed": True}
    platform.reply(403, body={"errors": ["permission denied"]})
    with pytest.raises(Forbidden, match="permission denied"):
        vault.read("secret/contact")


def test_hvac_without_passthrough_has_no_such_answers(platform, session):
    """Why the statuses are passed through."""
    vault = hvac.Client(platform.url, token="t", session=session())
    platform.reply(404)
    with pytest.raises(NotFoundError):
        vault.read("secret/nothing")
    platform.reply(403)
    with pytest.raises(ForbiddenError):
        vault.is_authenticated()


# simple-salesforce: takes a session, and logs in again on a 401

LOGIN = """<?xml version="1.0"?>
<Envelope><Body><loginResponse><result>
<sessionId>{0}</sessionId><serverUrl>https://eu1.salesforce.com/u</serverUrl>
</result></loginResponse></Body></Envelope>"""

FAILED_LOGIN = """<?xml version="1.0"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:sf="urn:fault.enterprise.soap.sforce.com"><soapenv:Body><soapenv:Fault>
<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>
<sf:exceptionMessage>Invalid username</sf:exceptionMessage>
</soapenv:Fault></soapenv:Body></soapenv:Envelope>"""

XML = {"Content-Type": "text/xml"}

EXPIRED = [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired"}]


class _Loopback:
    """The hosts of Salesforce are fixed: an adapter sends what is theirs to us."""

    def __init__(self, origin, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.origin = origin

    def send(self, request, **kwargs):
        request.url = self.origin + request.path_url
        return super().send(request, **kwargs)


class Ours(_Loopback, CloudElementsAdapter):
    """The adapter under test."""


class Plain(_Loopback, requests.adapters.HTTPAdapter):
    """An adapter of requests."""


@pytest.fixture
def salesforce(platform):
    """Log in, with what the user mounts."""
    with requests.Session() as session:
        session.mount("https://", Plain(platform.url))

        def login(prefix="https://", **settings):
            session.mount(prefix, Ours(platform.url, **settings))
            platform.reply(200, body=LOGIN.format("first"), headers=XML)
            return simple_salesforce.Salesforce(
                username="ada",
                password="p",
                security_token="t",
                session=session,
            )

        yield login


def test_salesforce_logs_in_again(platform, salesforce):
    """With 401 passed through, its own refresh of the session goes on."""
    client = salesforce(passthrough={401})
    platform.reply(401, body=EXPIRED)
    platform.reply(200, body=LOGIN.format("second"), headers=XML)
    platform.reply(200, body={"Name": "Ada"})
    assert client.Contact.get("7")["Name"] == "Ada"
    sent = [request.headers["Authorization"] for request in platform.requests]
    assert sent == [None, "Bearer first", None, "Bearer second"]


def test_salesforce_without_passthrough_loses_that(platform, salesforce):
    """Why 401 is passed through."""
    client = salesforce()
    platform.reply(401, body=EXPIRED)
    with pytest.raises(UnauthorizedError):
        client.Contact.get("7")


def test_salesforce_raises_typed_errors(platform, salesforce):
    """In place of SalesforceResourceNotFound."""
    client = salesforce(passthrough={401})
    platform.reply(404, provider_message="No contact 7", request_id="abc")
    with pytest.raises(NotFoundError, match="provider: No contact 7") as caught:
        client.Contact.get("7")
    assert caught.value.request_id == "abc"


def test_salesforce_heals_a_502(platform, salesforce):
    """Retries."""
    client = salesforce(passthrough={401})
    platform.reply(502, times=2)
    platform.reply(200, body={"Name": "Ada"})
    assert client.Contact.get("7")["Name"] == "Ada"
    assert len(platform.requests) == 4


def test_salesforce_401s_that_stay_are_translated(platform, salesforce):
    """What was passed through and is raised by the SDK in the end."""
    client = salesforce(passthrough={401})
    platform.reply(401, body=[{"errorCode": "OTHER", "message": "No"}])
    with (
        pytest.raises(UnauthorizedError, match="errorCode: OTHER") as caught,
        translate_errors(),
    ):
        client.Contact.get("7")
    assert type(caught.value.__cause__) is SalesforceExpiredSession


def test_salesforce_keeps_its_failed_login(platform, salesforce):
    """A login that fails is a SOAP fault in a 500: mount us on the instance alone."""
    instance = "https://eu1.salesforce.com/"
    client = salesforce(instance, passthrough={401})
    platform.reply(401, body=EXPIRED)
    platform.reply(500, body=FAILED_LOGIN, headers=XML)
    with pytest.raises(SalesforceAuthenticationFailed, match="Invalid username"):
        client.Contact.get("7")
    platform.reply(409)
    with pytest.raises(ConflictError):
        client.Contact.create({"Name": "Ada"})


# stripe: takes a session, and turns what it raises into a network error


@pytest.fixture
def stripe_client(platform):
    """Make a client over a session; its own retries are off."""

    def make(session):
        return stripe.StripeClient(
            "sk_test_1",
            base_addresses={"api": platform.url},
            http_client=stripe.RequestsClient(session=session),
            max_network_retries=0,
        )

    return make


def test_stripe_is_translated(platform, session, stripe_client):
    """Its "network error" was raised from ours, which translate_errors brings out."""
    platform.reply(404, times=2, provider_message="No cus_1", request_id="abc")
    client = stripe_client(session())
    with pytest.raises(stripe.APIConnectionError, match="No cus_1"):
        client.v1.customers.retrieve("cus_1")
    with (
        pytest.raises(NotFoundError, match="provider: No cus_1") as caught,
        translate_errors(),
    ):
        client.v1.customers.retrieve("cus_1")
    assert type(caught.value.__cause__) is stripe.APIConnectionError
    assert caught.value.request_id == "abc"
    assert caught.value.response.status_code == 404


def test_stripe_heals_a_502(platform, session, stripe_client):
    """Retries, and its key is sent."""
    platform.reply(502, times=2)
    platform.reply(200, body={"object": "customer", "id": "cus_1", "name": "Ada"})
    client = stripe_client(session())
    assert client.v1.customers.retrieve("cus_1").name == "Ada"
    assert len(platform.requests) == 3
    assert platform.requests[2].headers["Authorization"] == "Bearer sk_test_1"


def test_stripe_never_charges_twice(platform, session, stripe_client):
    """Its POST is not repeated, and the error says so."""
    platform.reply(502)
    client = stripe_client(session())
    with pytest.raises(FailedRequestError) as caught, translate_errors():
        client.v1.customers.create({"name": "Ada"})
    assert caught.value.stopped_by == "method"
    assert len(platform.requests) == 1


def test_stripe_keeps_its_own_exceptions(platform, session, stripe_client):
    """With all statuses passed through: retries from us, exceptions from stripe."""
    platform.reply(502, times=3)
    platform.reply(402, body={"error": {"type": "card_error", "code": "declined"}})
    client = stripe_client(session(passthrough=range(400, 600)))
    with pytest.raises(stripe.CardError) as caught:
        client.v1.customers.retrieve("cus_1")
    assert caught.value.code == "declined"
    assert len(platform.requests) == 4


# zeep: takes a session; SOAP says what failed in a 500

WSDL = """<?xml version="1.0"?>
<definitions name="Crm" targetNamespace="urn:crm" xmlns:tns="urn:crm"
 xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:xsd="http://www.w3.org/2001/XMLSchema"
 xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/">
<message name="Ask"><part name="id" type="xsd:string"/></message>
<message name="Answer"><part name="name" type="xsd:string"/></message>
<portType name="Port"><operation name="GetName">
<input message="tns:Ask"/><output message="tns:Answer"/></operation></portType>
<binding name="Binding" type="tns:Port">
<soap:binding style="rpc" transport="http://schemas.xmlsoap.org/soap/http"/>
<operation name="GetName"><soap:operation soapAction="GetName"/>
<input><soap:body use="literal" namespace="urn:crm"/></input>
<output><soap:body use="literal" namespace="urn:crm"/></output>
</operation></binding>
<service name="Service"><port name="Port" binding="tns:Binding">
<soap:address location="{0}/soap"/></port></service>
</definitions>"""

ENVELOPE = """<?xml version="1.0"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">
<soap:Body>{0}</soap:Body></soap:Envelope>"""

FAULT = ENVELOPE.format(
    "<soap:Fault><faultcode>soap:Server</faultcode>"
    "<faultstring>No contact 7</faultstring></soap:Fault>"
)

ANSWER = ENVELOPE.format(
    '<c:GetNameResponse xmlns:c="urn:crm"><name>Ada</name></c:GetNameResponse>'
)


@pytest.fixture
def soap(platform, session):
    """Make a client; the first attempt for its WSDL meets a 502."""

    def make(**settings):
        platform.reply(502, path="/soap")
        platform.reply(
            200, body=WSDL.format(platform.url), headers=XML, path="/soap", method="GET"
        )
        transport = zeep.Transport(session=session(**settings))
        return zeep.Client(f"{platform.url}/soap?wsdl", transport=transport)

    return make


def test_zeep_keeps_its_faults(platform, soap):
    """With 500 passed through, a SOAP fault is zeep's own exception, as ever."""
    client = soap(passthrough={500})
    platform.reply(500, body=FAULT, headers=XML)
    with pytest.raises(zeep.exceptions.Fault, match="No contact 7"):
        client.service.GetName("7")


def test_zeep_without_passthrough_has_the_fault_as_text(platform, soap):
    """Why 500 is passed through."""
    client = soap()
    platform.reply(500, body=FAULT, headers=XML)
    with pytest.raises(ServerError, match="No contact 7"):
        client.service.GetName("7")


def test_zeep_raises_typed_errors(platform, soap):
    """All else is ours: zeep would look for XML in it."""
    client = soap(passthrough={500})
    platform.reply(502, provider_message="No such field")
    with pytest.raises(FailedRequestError, match="provider: No such field") as caught:
        client.service.GetName("7")
    assert caught.value.stopped_by == "method"
    platform.reply(503, body="<html>", headers={"Content-Type": "text/html"})
    with pytest.raises(UnlistedStatusError, match="503"):
        client.service.GetName("7")


def test_zeep_heals_a_502(platform, soap):
    """The WSDL by default; operations, which are POSTs, where they only read."""
    client = soap(max_retries=CloudElementsRetry(allowed_methods=["GET", "POST"]))
    platform.reply(502)
    platform.reply(200, body=ANSWER, headers=XML)
    assert client.service.GetName("7") == "Ada"
    assert [request.method for request in platform.requests] == [
        *["GET", "GET"],
        *["POST", "POST"],
    ]


# google-auth: is a session itself


@pytest.fixture
def google(platform):
    """Make an AuthorizedSession whose token is about to be refused."""
    credentials = Credentials(
        "old",
        refresh_token="r",
        token_uri=f"{platform.url}/token",
        client_id="i",
        client_secret="s",
    )
    with AuthorizedSession(credentials) as session:
        # The line that a user writes.
        session.mount(f"{platform.url}/", CloudElementsAdapter(passthrough={401}))
        yield session


def test_google_refreshes_its_token(platform, google):
    """With 401 passed through, its own refresh goes on."""
    platform.reply(401, path="/contacts")
    platform.reply(200, path="/token", body={"access_token": "new"})
    platform.reply(200, path="/contacts", body=[])
    assert google.get(f"{platform.url}/contacts").json() == []
    assert paths(platform) == ["/contacts", "/token", "/contacts"]
    assert platform.requests[2].headers["Authorization"] == "Bearer new"


def test_google_raises_typed_errors(platform, google):
    """Every other status, by the mounted adapter."""
    platform.reply(404, provider_message="No contact 7")
    with pytest.raises(NotFoundError, match="provider: No contact 7"):
        google.get(f"{platform.url}/contacts/7")


def test_google_heals_a_502(platform, google):
    """Retries."""
    platform.reply(502, times=2)
    assert google.get(f"{platform.url}/contacts").json() == {}
    assert len(platform.requests) == 3


def test_google_401s_that_stay(platform, google):
    """After two refreshes it gives up, and returns the 401: raise it by hand."""
    platform.reply(401, path="/contacts", times=3, provider_message="No scope")
    platform.reply(200, path="/token", times=2, body={"access_token": "new"})
    response = google.get(f"{platform.url}/contacts")
    with pytest.raises(UnauthorizedError, match="provider: No scope"):
        raise_for_error(response)


def test_google_keeps_its_failed_refresh(platform, google):
    """A refresh token that is not good any more is its own exception."""
    platform.reply(401, path="/contacts")
    platform.reply(400, path="/token", body={"error": "invalid_grant"})
    with pytest.raises(RefreshError, match="invalid_grant"):
        google.get(f"{platform.url}/contacts")
