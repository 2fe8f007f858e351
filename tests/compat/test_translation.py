"""translate_errors() with the exceptions of other people's HTTP clients."""

# ruff: noqa: PLC0415 - each client is imported by its own test

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from cloud_elements_errors import (
    CloudElementsError,
    CloudElementsSession,
    ConflictError,
    translate_errors,
)
from cloud_elements_errors.testing import FakeCloudElements, no_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SENT = {"Authorization": "Bearer tok-17-abcdef"}
HEADERS = {"Elements-Request-Id": "5a1", "Retry-After": "7"}
# Without a request id: that is in the headers alone.
BODY = {"message": "tok-17-abcdef is refused", "providerMessage": "Exists"}


def httpx(url: str) -> None:
    import httpx

    httpx.get(url, headers=SENT).raise_for_status()


def httpx2(url: str) -> None:
    import httpx2

    httpx2.get(url, headers=SENT).raise_for_status()


def aiohttp(url: str) -> None:
    import aiohttp

    async def get() -> None:
        async with aiohttp.ClientSession(raise_for_status=True) as session:
            await session.get(url, headers=SENT)

    asyncio.run(get())


def azure(url: str) -> None:
    from azure.core import PipelineClient
    from azure.core.rest import HttpRequest

    with PipelineClient(url) as client:
        client.send_request(HttpRequest("GET", url, headers=SENT)).raise_for_status()


def azure_stream(url: str) -> None:
    from azure.core import PipelineClient
    from azure.core.rest import HttpRequest

    with PipelineClient(url) as client:
        request = HttpRequest("GET", url, headers=SENT)
        client.send_request(request, stream=True).raise_for_status()


def elasticsearch(url: str) -> None:
    from elasticsearch import Elasticsearch

    Elasticsearch(url, max_retries=0).info()


def docusign(url: str) -> None:
    from docusign_esign import ApiClient, EnvelopesApi

    EnvelopesApi(ApiClient(host=url)).get_envelope("account", "envelope")


@pytest.fixture
def platform() -> Iterator[FakeCloudElements]:
    """A platform whose requests all fail in the same way."""
    with FakeCloudElements() as server, no_wait():
        server.reply(409, body=BODY, headers=HEADERS, times=9)
        yield server


def failure(call: Callable[[str], None], url: str) -> CloudElementsError:
    with pytest.raises(ConflictError) as caught, translate_errors():
        call(url)
    return caught.value


@pytest.mark.parametrize(
    "call",
    [httpx, httpx2, azure, azure_stream, elasticsearch, docusign],
    ids=lambda call: call.__name__,
)
def test_body_and_headers_are_found(platform: FakeCloudElements, call: Any) -> None:
    """Wherever on its exception the client keeps them."""
    error = failure(call, platform.url)
    assert error.provider_message == "Exists"
    assert (error.request_id, error.retry_after) == ("5a1", 7)
    assert not error.truncated


@pytest.mark.parametrize("call", [httpx, httpx2, azure], ids=lambda call: call.__name__)
def test_the_request_is_found(platform: FakeCloudElements, call: Any) -> None:
    """So that the secrets that it sent are hidden."""
    url = f"{platform.url}/contacts"
    error = failure(call, url)
    assert error.message == "[redacted] is refused"
    assert (error.method, error.url) == ("GET", url)


def test_aiohttp_does_not_keep_the_body(platform: FakeCloudElements) -> None:
    """Status, headers and request are known; `truncated` says that there was more."""
    error = failure(aiohttp, platform.url)
    assert (error.text, error.request_id, error.retry_after) == ("", "5a1", 7)
    assert (error.method, error.url) == ("GET", platform.url)
    assert error.truncated


def test_an_answer_of_ones_own_application_passes() -> None:
    """aiohttp's server raises its answers, which are responses."""
    from aiohttp import web

    with pytest.raises(web.HTTPUnauthorized), translate_errors():
        raise web.HTTPUnauthorized(text="log in", headers={"A": "b"})


def test_looker_flattens_what_we_raise(platform: FakeCloudElements) -> None:
    """It keeps the text of an `OSError` alone; `on_error` has the error."""
    from looker_sdk.rtl import transport
    from looker_sdk.rtl.requests_transport import RequestsTransport

    class Settings(transport.PTransportSettings):
        base_url, verify_ssl, timeout, agent_tag = platform.url, True, 30, "test"
        headers = None

    seen: list[CloudElementsError] = []
    session = CloudElementsSession(on_error=seen.append)
    client = RequestsTransport(Settings(), session)
    response = client.request(transport.HttpMethod.GET, f"{platform.url}/user")
    assert not response.ok
    assert response.value.decode() == str(seen[0])
    assert seen[0].provider_message == "Exists"
