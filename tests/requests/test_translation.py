"""translate_errors: failed responses in exceptions of other people's clients."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import inspect
import json
from datetime import date
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import urllib3

from cloud_elements_errors import (
    CloudElementsError,
    ConflictError,
    FailedRequestError,
    NotFoundError,
    UnlistedStatusError,
    error_from_parts,
    translate_errors,
)

# What it understands


class SdkError(Exception):
    """Whatever an SDK raises."""

    def __init__(self, text="", **attributes):
        super().__init__(text)
        self.__dict__.update(attributes)


BODY = {"message": "Failed", "requestId": "abc", "providerMessage": "No such field"}
CONTENT = json.dumps(BODY).encode()


class HttpxResponse:
    """Looks like `httpx.Response`."""

    status_code = 502
    headers = {"Content-Type": "application/json"}  # noqa: RUF012

    def __init__(self, content: bytes | None = CONTENT):
        self._content = content
        self.request = SimpleNamespace(method="PUT", url=HttpxUrl())

    @property
    def content(self):
        if self._content is None:
            raise RuntimeError("ResponseNotRead")
        return self._content

    text = content


class HttpxUrl:
    """Looks like `httpx.URL`: no string, but one can be made of it."""

    def __str__(self):
        return "https://api.x.com/contacts/1?token=hunter2"


def requests_response():
    response = requests.Response()
    response.status_code = 502
    response._content = CONTENT
    response.request = requests.Request("PUT", "https://api.x.com/contacts/1").prepare()
    return response


def api_exception(**attributes):
    """Look like the ApiException of openapi-generator and swagger-codegen."""
    return SdkError(status=502, reason="Bad Gateway", **attributes)


def urllib3_response():
    return urllib3.HTTPResponse(CONTENT, status=502, headers={"X": "y"})


ANSWERS = {
    "requests": lambda: requests.HTTPError(response=requests_response()),
    "any with a requests response": lambda: SdkError(response=requests_response()),
    "httpx": lambda: SdkError(response=HttpxResponse()),
    "openapi str": lambda: api_exception(body=CONTENT.decode(), headers={}),
    "openapi bytes": lambda: api_exception(body=CONTENT, headers={}),
    "openapi pairs": lambda: api_exception(body=CONTENT, headers=[("A", "b")]),
    "openapi urllib3 headers": lambda: api_exception(
        body=CONTENT, headers=urllib3.HTTPHeaderDict({"A": "b"})
    ),
    "no headers": lambda: api_exception(body=CONTENT, headers=None),
    "parsed": lambda: api_exception(data=BODY, headers={}),
    "an enum": lambda: SdkError(status=HTTPStatus.BAD_GATEWAY, body=CONTENT),
    "bravado": lambda: SdkError(
        response=SimpleNamespace(
            status_code=502, raw_bytes=CONTENT, text=CONTENT.decode(), headers={}
        )
    ),
    "urllib3": lambda: SdkError(response=urllib3_response()),
    "text alone": lambda: SdkError(
        response=SimpleNamespace(status_code=502, text=CONTENT.decode())
    ),
    "no answer in response": lambda: SdkError(
        response=None, status=502, body=CONTENT, headers={}
    ),
}


@pytest.mark.parametrize("make", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("way", ["with", "decorator", "async"])
def test_a_failed_answer_is_translated(make, way):
    """Each kind of exception, each way in: ours, from the original."""
    original = make()
    translated = translate_errors()

    def fail():
        raise original

    def inside():
        with translate_errors():
            fail()

    async def fail_async():
        await asyncio.sleep(0)
        raise original

    call = {
        "with": inside,
        "decorator": translated(fail),
        "async": lambda: asyncio.run(translated(fail_async)()),
    }[way]
    with pytest.raises(FailedRequestError, match="No such field") as caught:
        call()
    assert caught.value.__cause__ is original
    assert caught.value.message == "Failed"
    assert caught.value.request_id == "abc"


def test_httpx_requests_are_known_but_for_their_secrets():
    """Method and URL come from the request that the answer knows."""
    with pytest.raises(FailedRequestError) as caught, translate_errors():
        raise SdkError(response=HttpxResponse())
    assert caught.value.method == "PUT"
    assert caught.value.url == "https://api.x.com/contacts/1"


def test_requests_responses_stay_at_hand():
    """The error is the same as if the hook had made it."""
    response = requests_response()
    with pytest.raises(FailedRequestError) as caught, translate_errors():
        raise SdkError(response=response)
    assert caught.value.response is response
    assert caught.value.request is response.request


def test_a_real_answer_of_requests(platform):
    """`raise_for_status` in other people's code says what the platform said."""
    platform.reply(409, provider_message="Ada exists")
    with (
        pytest.raises(ConflictError, match="provider: Ada exists") as caught,
        translate_errors(),
    ):
        requests.get(f"{platform.url}/contacts").raise_for_status()
    assert type(caught.value.__cause__) is requests.HTTPError


def test_a_stream_of_httpx_that_nobody_read():
    """Its content raises; the status is told all the same."""
    with pytest.raises(FailedRequestError) as caught, translate_errors():
        raise SdkError(response=HttpxResponse(content=None))
    assert caught.value.text == ""
    assert caught.value.origin == "unknown"


def test_any_status_of_400_or_more():
    """Those that are not in the table too."""
    with (
        pytest.raises(UnlistedStatusError, match="429 Too Many") as caught,
        translate_errors(),
    ):
        raise api_exception_of(429)
    assert caught.value.status_code == 429


def api_exception_of(status):
    return SdkError(status=status, body=b"", headers={})


recursive: dict[str, Any] = {}
recursive["self"] = recursive

PASSING = {
    "no answer": lambda: ValueError("nothing"),
    "requests, nothing arrived": lambda: requests.ConnectionError("refused"),
    "a success": lambda: api_exception_of(200),
    "a redirect": lambda: SdkError(response=SimpleNamespace(status_code=302, text="")),
    "a status alone": lambda: SdkError(status=502),
    "a status in words": lambda: SdkError(status="failed", body=b"", headers={}),
    "a truth": lambda: SdkError(status=True, body=b"", headers={}),
    "a body of another kind": lambda: SdkError(status=502, body=object()),
    "headers of another kind": lambda: SdkError(status=502, headers=7),
    "parsed, endless": lambda: SdkError(status=502, data=recursive),
    "a dict for a response": lambda: SdkError(response={"status_code": 502}),
    "a success of requests": lambda: SdkError(response=requests.Response()),
    "interrupt": KeyboardInterrupt,
    "exit": lambda: SystemExit(502),
}


@pytest.mark.parametrize("make", PASSING.values(), ids=PASSING)
def test_all_others_pass(make):
    """What carries no failed answer comes out as it is, with no cause added."""
    original = make()

    def fail():
        raise original

    with pytest.raises(type(original)) as caught:
        translate_errors()(fail)()
    assert caught.value is original
    assert caught.value.__cause__ is None


def test_ours_pass_as_they_are():
    """There is nothing to translate, whatever led to it."""
    ours = NotFoundError("404")
    with pytest.raises(NotFoundError) as caught, translate_errors():
        raise ours
    assert caught.value is ours


def test_no_error_no_translation():
    """A block that ends well, and a function's result, are left alone."""
    with translate_errors() as entered:
        assert isinstance(entered, translate_errors)
    assert translate_errors()(lambda value: value + 1)(1) == 2


# Wrapped errors


def ours():
    error = FailedRequestError(
        "502 Failed Request", provider_message="No such field", request_id="abc"
    )
    error.marker = object()
    return error


def wrapped_from():
    try:
        raise ours()
    except CloudElementsError as error:
        raise SdkError("network error") from error


def wrapped_while():
    try:
        raise ours()
    except CloudElementsError:
        raise SdkError("network error")  # noqa: B904 - as SDKs do


def wrapped_from_none():
    try:
        raise ours()
    except CloudElementsError:
        raise SdkError("network error") from None


def wrapped_twice():
    try:
        wrapped_while()
    except SdkError as error:
        raise RuntimeError("cannot connect") from error


@pytest.mark.parametrize(
    "function", [wrapped_from, wrapped_while, wrapped_from_none, wrapped_twice]
)
def test_an_error_of_ours_that_was_wrapped_comes_out(function):
    """A copy of it, from the SDK's exception, so that no chain is a circle."""
    with pytest.raises(FailedRequestError) as caught:
        translate_errors()(function)()
    error = caught.value
    assert error.provider_message == "No such field"
    assert error.request_id == "abc"
    assert isinstance(error.__cause__, (SdkError, RuntimeError))
    chain = [error]
    while (following := chain[-1].__cause__ or chain[-1].__context__) is not None:
        assert following not in chain
        chain.append(following)
    assert chain[-1].marker is error.marker


def test_an_interrupt_while_ours_is_handled_stays_one():
    """What is no Exception is never made one."""

    def fail():
        try:
            raise ours()
        except CloudElementsError:
            raise KeyboardInterrupt  # noqa: B904 - somebody pressed Ctrl-C

    with pytest.raises(KeyboardInterrupt):
        translate_errors()(fail)()


def test_the_answer_itself_comes_before_what_led_to_it():
    """An exception that carries its own answer is not about the earlier one."""

    def fail():
        try:
            raise ours()
        except CloudElementsError as error:
            raise api_exception_of(404) from error

    with pytest.raises(NotFoundError):
        translate_errors()(fail)()


def test_a_chain_without_end_is_not_followed_for_ever():
    """A circle of causes, which Python allows, and no error of ours in it."""
    first, second = SdkError("first"), SdkError("second")
    first.__cause__, second.__cause__ = second, first

    def fail():
        raise first

    with pytest.raises(SdkError, match="first"):
        translate_errors()(fail)()


# As a decorator


def test_a_decorated_function_keeps_its_face():
    """Name, docstring, arguments and result."""

    @translate_errors()
    def contacts(*names, limit=1):
        """Find contacts."""
        return names, limit

    assert contacts("Ada", limit=2) == (("Ada",), 2)
    assert contacts.__name__ == "contacts"
    assert contacts.__doc__ == "Find contacts."


def test_a_decorated_coroutine_function_is_one():
    """It is awaited inside the block, and not merely made there."""

    @translate_errors()
    async def contact(name, *, active=True):
        """Find one."""
        await asyncio.sleep(0)
        return name, active

    assert inspect.iscoroutinefunction(contact)
    assert asyncio.run(contact("Ada", active=False)) == ("Ada", False)
    assert contact.__doc__ == "Find one."


def test_tasks_translate_side_by_side():
    """One decorator holds no state between the calls that it wraps."""

    @translate_errors()
    async def fail(status):
        await asyncio.sleep(0)
        raise api_exception_of(status)

    async def main():
        return await asyncio.gather(fail(404), fail(409), return_exceptions=True)

    assert list(map(type, asyncio.run(main()))) == [NotFoundError, ConflictError]


def test_methods_are_decorated_too():
    """As SDKs' own classes would be."""

    class Client:
        status = 404

        @translate_errors()
        def get(self):
            raise api_exception_of(self.status)

    with pytest.raises(NotFoundError):
        Client().get()


def fail_plainly():
    raise api_exception_of(404)


def generator():
    yield


async def async_generator():
    yield


@pytest.mark.parametrize("function", [generator, async_generator])
def test_generators_are_refused(function):
    """They run after they have returned: nothing would be translated."""
    with pytest.raises(TypeError, match="its body runs after the call"):
        translate_errors()(function)


def test_what_is_no_function_is_refused():
    """At once, and not when it is called."""
    with pytest.raises(TypeError, match=r"decorates functions, not 502"):
        translate_errors()(502)


def test_a_class_is_refused():
    """A function in its place would be no class any more, and translate nothing."""
    with pytest.raises(TypeError, match=r"decorates functions, not <class 'dict'>"):
        translate_errors()(dict)


@pytest.mark.parametrize("function", [fail_plainly, generator, SdkError])
def test_the_parentheses_are_needed(function):
    """`@translate_errors` alone is an error at once, and the message says why."""
    with pytest.raises(TypeError, match="takes no arguments: add parentheses"):
        translate_errors(function)


def test_a_decorator_keeps_the_failures_of_its_calls_apart():
    """A call within a handler does not hide the exception of another call."""

    @translate_errors()
    def call(within=None):
        if within is not None:
            within()
        raise api_exception_of(404)

    def handled_before():
        try:
            raise api_exception_of(409)
        except SdkError as before:
            with pytest.raises(NotFoundError):
                call()
            raise before  # noqa: TRY201 - not from within pytest's frames

    with pytest.raises(ConflictError):
        call(handled_before)


def test_the_translation_copies_and_travels():
    """It is an error like any other."""
    with pytest.raises(FailedRequestError) as caught, translate_errors():
        raise api_exception(body=CONTENT, headers={})
    assert copy.copy(caught.value).to_dict() == caught.value.to_dict()


def test_an_error_that_was_handled_before_the_block_is_not_to_blame():
    """Only what one of ours has caused within the block is translated."""
    ours = error_from_parts(409)
    with pytest.raises(ValueError, match="unrelated"):  # noqa: PT012
        try:
            raise ours
        except CloudElementsError:
            with translate_errors():
                raise ValueError("unrelated")  # noqa: B904 - as a client may


def test_a_block_may_be_left_in_another_context_than_it_was_entered():
    """Web frameworks run the two halves of a fixture in threads of their own."""
    block = translate_errors()
    contextvars.copy_context().run(block.__enter__)
    error = api_exception(body=CONTENT, headers={})
    with pytest.raises(FailedRequestError):
        block.__exit__(type(error), error, None)
    assert block.__exit__(None, None, None) is None


def test_secrets_of_any_clients_request_are_redacted():
    """The request that an exception's response carries tells its secrets."""
    request = SimpleNamespace(
        method="GET", url="https://h/x", headers={"Authorization": "Bearer t0k3n-t0k3n"}
    )
    failure = Exception("failed")
    failure.response = SimpleNamespace(
        status_code=502,
        headers={},
        content=b'{"message": "t0k3n-t0k3n is wrong"}',
        request=request,
    )
    with (
        pytest.raises(FailedRequestError, match=r"\[redacted\] is wrong"),
        translate_errors(),
    ):
        raise failure


def test_a_client_whose_exception_cannot_be_read_keeps_it():
    """Whatever its attributes do, its own exception is what comes out."""

    class OddError(Exception):
        @property
        def response(self):
            raise RuntimeError("not yet")

    with pytest.raises(OddError), translate_errors():
        raise OddError


def test_an_exception_that_cannot_be_looked_at():
    """A client's exception whose attributes raise reaches the caller as it is."""

    class OddError(SdkError):
        @property
        def args(self):
            raise RuntimeError

    with pytest.raises(OddError), translate_errors():
        raise OddError


def test_a_parsed_body_that_holds_more_than_json():
    """Some clients make dates and objects of the fields; the words stay."""
    error = SdkError(status=409, body={"message": "exists", "since": date(2026, 1, 2)})
    with pytest.raises(ConflictError) as caught, translate_errors():
        raise error
    assert caught.value.message == "exists"
    assert caught.value.details["since"] == "2026-01-02"


def test_a_body_under_the_name_of_kiota():
    """Some clients call the body raw_bytes."""
    error = SdkError()
    error.status_code = 409
    error.raw_bytes = b'{"message": "exists", "requestId": "17"}'
    with pytest.raises(ConflictError) as caught, translate_errors():
        raise error
    assert caught.value.request_id == "17"
    assert (caught.value.method, caught.value.url) == (None, None)


def test_a_translation_is_an_error_of_ours():
    """The error of a copy has its own class."""
    original = error_from_parts(409)
    assert original is not None
    error = SdkError()
    error.__cause__ = original
    with pytest.raises(CloudElementsError) as caught, translate_errors():
        raise error
    assert caught.value is not original
    assert caught.value.__cause__ is error
