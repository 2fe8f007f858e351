"""Where in a client's exceptions the failed response may be: anywhere."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

import pytest
import requests
import urllib3

from cloud_elements_errors import (
    CloudElementsError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    translate_errors,
)

BODY = b'{"message": "No", "requestId": "r1", "providerMessage": "Exists"}'


class SdkError(Exception):
    """A client's own exception, which holds what it is given."""

    def __init__(self, *args: object, **attributes: object) -> None:
        super().__init__(*args)
        vars(self).update(attributes)


def of_requests(status: int = 409) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = BODY
    return response


def of_urllib3(status: int = 409) -> urllib3.HTTPResponse:
    return urllib3.HTTPResponse(
        io.BytesIO(BODY), status=status, headers={"A": "b"}, preload_content=False
    )


class OfHttpx:
    """What translate_errors() uses of an httpx.Response."""

    def __init__(self, status: int = 409) -> None:
        self.status_code, self.headers, self.content = status, {"A": "b"}, BODY


KINDS = [of_requests, of_urllib3, OfHttpx]

PLACES: dict[str, Any] = {
    "response": lambda answer: SdkError(response=answer),
    "another name": lambda answer: SdkError(req=answer),
    "args": lambda answer: SdkError("failed", answer),
    "list": lambda answer: SdkError(answers=[None, answer]),
    "tuple in args": lambda answer: SdkError(("failed", answer)),
    "dict": lambda answer: SdkError(context={"answer": answer}),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_response_is_found_wherever_the_exception_keeps_it(
    place: Any, kind: Any
) -> None:
    """Under any name, among the arguments, and one level of containers deep."""
    original = place(kind())
    with pytest.raises(ConflictError) as caught, translate_errors():
        raise original
    assert caught.value.provider_message == "Exists"
    assert caught.value.__cause__ is original


@pytest.mark.parametrize(
    "exception",
    [
        SdkError(deep=[[of_requests()]]),
        SdkError(answer=of_requests(200)),
        SdkError(status=409),
        SdkError(1, None, "409"),
    ],
    ids=["two levels", "no failure", "a status alone", "no response"],
)
def test_what_has_no_failed_response_passes(exception: SdkError) -> None:
    """A client's other exceptions are its own affair."""
    with pytest.raises(SdkError) as caught, translate_errors():
        raise exception
    assert caught.value is exception


def test_properties_are_left_alone() -> None:
    """Only what the exception holds is looked at; a property may do anything."""
    called = []

    class LazyError(SdkError):
        @property
        def answer(self) -> requests.Response:
            called.append("answer")
            return of_requests()

    class Proxy:
        @property  # type: ignore[misc]
        def __class__(self) -> type:
            called.append("class")
            return requests.Response

    with pytest.raises(LazyError), translate_errors():
        raise LazyError(Proxy(), held=Proxy())
    assert called == []


def fail(kind: type[Exception], status: int) -> None:
    """Raise an exception that has a failed response."""
    raise kind(response=of_requests(status))  # type: ignore[call-arg]


def raise_with_cause() -> None:
    """Raise as a client does that names the cause."""
    try:
        fail(requests.HTTPError, 409)
    except requests.HTTPError as error:
        raise SdkError("failed") from error


def raise_in_handler() -> None:
    """Raise as a client does that forgets it."""
    try:
        fail(requests.HTTPError, 409)
    except requests.HTTPError:
        raise SdkError("failed")  # noqa: B904 - as some clients do


def raise_from_none() -> None:
    """Raise as a client does that hides it."""
    try:
        fail(requests.HTTPError, 409)
    except requests.HTTPError:
        raise SdkError("failed") from None


def raise_beside_the_cause() -> None:
    """Raise from something else, while the response is in the context."""
    try:
        fail(requests.HTTPError, 409)
    except requests.HTTPError:
        raise SdkError("failed") from ValueError("another")


def raise_three_deep() -> None:
    """Raise as a client with layers does."""
    try:
        raise_in_handler()
    except SdkError as error:
        raise LookupError("layer") from error


@pytest.mark.parametrize(
    "function",
    [
        raise_with_cause,
        raise_in_handler,
        raise_from_none,
        raise_beside_the_cause,
        raise_three_deep,
    ],
    ids=lambda function: function.__name__,
)
def test_a_response_is_found_deeper_in_the_chain(function: Any) -> None:
    """The exception that the user sees need not know of the response."""
    with pytest.raises(ConflictError) as caught, translate_errors():
        function()
    assert isinstance(caught.value.__cause__, (SdkError, LookupError))


@pytest.mark.parametrize(
    "hold",
    [
        lambda inner: SdkError(error=inner),
        lambda inner: SdkError("failed", inner),
        lambda inner: SdkError(errors=[inner]),
    ],
    ids=["attribute", "argument", "list"],
)
def test_an_exception_that_is_only_held_is_looked_at(hold: Any) -> None:
    """Some clients store what they caught, and raise later, outside the handler."""
    original = hold(SdkError(response=of_requests()))
    with pytest.raises(ConflictError) as caught, translate_errors():
        raise original
    assert caught.value.__cause__ is original


def test_the_outermost_response_counts() -> None:
    """A client that asks again after a 404 fails with the second response."""

    def call() -> None:
        try:
            fail(SdkError, 404)
        except SdkError:
            try:
                fail(SdkError, 403)
            except SdkError as error:
                raise SdkError("gave up") from error

    with pytest.raises(ForbiddenError), translate_errors():
        call()


def test_our_error_counts_before_what_led_to_it() -> None:
    """An error of ours on the way is the one, with all its attributes."""
    ours = NotFoundError("ours", status_code=404)

    def call() -> None:
        try:
            raise ours from SdkError(response=of_requests(403))
        except NotFoundError as error:
            raise SdkError("wrapped") from error

    with pytest.raises(NotFoundError, match="ours") as caught, translate_errors():
        call()
    assert caught.value is not ours


@pytest.mark.parametrize("with_cause", [False, True])
def test_nothing_from_before_the_block_counts(*, with_cause: bool) -> None:
    """A failure that was being handled already is not the block's."""
    try:
        try:
            fail(SdkError, 403)
        except SdkError as older:
            raise LookupError(of_requests(404)) from older
    except LookupError as before:
        cause = before.__cause__ if with_cause else None
        with pytest.raises(ValueError, match="in the block"), translate_errors():
            raise ValueError("in the block") from cause


def test_an_exception_that_is_raised_again_counts() -> None:
    """What the block itself raises is the block's, wherever it came from."""
    try:
        fail(SdkError, 409)
    except SdkError as before:
        with pytest.raises(ConflictError), translate_errors():
            raise before  # noqa: TRY201 - not from within pytest's frames


def test_after_a_block_the_next_one_starts_anew() -> None:
    """An inner block that ends leaves the outer one what it knows."""

    def nested() -> None:
        with suppress(KeyError), translate_errors():
            raise KeyError
        raise LookupError

    try:
        fail(SdkError, 409)
    except SdkError:
        with pytest.raises(LookupError), translate_errors():
            nested()
    # Outside the handler, the same exception may come from a block.
    with pytest.raises(ConflictError), translate_errors():
        raise SdkError(response=of_requests())


def chain(links: int, *, circle: bool) -> Exception:
    """Return the first of so many exceptions, the last of which may lead to it."""
    first = last = SdkError("first")
    for number in range(links):
        last.__context__ = SdkError(number)
        last = last.__context__
    if circle:
        last.__context__ = first
    return first


@pytest.mark.parametrize("circle", [False, True])
def test_long_chains_and_circles_are_safe(*, circle: bool) -> None:
    """Each exception is looked at once, in however long a chain."""
    with pytest.raises(SdkError, match="first"), translate_errors():
        raise chain(1000, circle=circle)


def test_the_end_of_a_long_chain_is_reached() -> None:
    """A thousand links are no reason to stop."""
    first = chain(1000, circle=False)
    last: BaseException = first
    while last.__context__ is not None:
        last = last.__context__
    vars(last)["response"] = of_requests()
    with pytest.raises(CloudElementsError) as caught, translate_errors():
        raise first
    assert caught.value.status_code == 409


def test_the_end_of_a_very_long_chain_is_reached() -> None:
    """Python walks the chain for each exception in a handler: none is raised there."""
    first = chain(50_000, circle=False)
    last: BaseException = first
    while last.__context__ is not None:
        last = last.__context__
    vars(last)["response"] = of_requests()
    with pytest.raises(ConflictError), translate_errors():
        raise first


def test_exceptions_that_all_hold_one_list() -> None:
    """Each container is looked at once, so the time grows with the exceptions alone."""
    looked: list[int] = []

    class Counting(list[object]):
        def __iter__(self) -> Any:
            looked.append(len(self))
            return super().__iter__()

    errors = Counting([OfHttpx(200) for _ in range(100)])
    first = chain(100, circle=False)
    link: BaseException | None = first
    while link is not None:
        vars(link)["errors"] = errors
        link = link.__context__
    with pytest.raises(type(first)), translate_errors():
        raise first
    assert looked == [100]


def test_a_urllib3_response_without_end_is_read_within_bounds() -> None:
    """The body counts up to 64 KiB, like that of every other failed response."""

    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            buffer[:] = b"x" * len(buffer)
            return len(buffer)

    response = urllib3.HTTPResponse(
        io.BufferedReader(Endless()), status=409, preload_content=False
    )
    with pytest.raises(ConflictError) as caught, translate_errors():
        raise SdkError(answer=response)
    assert len(caught.value.text) == 64 * 1024
