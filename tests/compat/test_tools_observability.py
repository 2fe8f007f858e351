"""Telemetry and logging: what they record of an error, and that it holds no secret."""

from __future__ import annotations

import io
import json
import logging
import sys
from typing import TYPE_CHECKING, Any

import pytest
import sentry_sdk
import structlog
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Span, StatusCode
from sentry_sdk.scrubber import DEFAULT_DENYLIST, EventScrubber
from sentry_sdk.transport import Transport

from cloud_elements_errors import (
    CloudElementsError,
    CloudElementsSession,
    ConflictError,
    FailedRequestError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

    from cloud_elements_errors.testing import FakeCloudElements

SECRETS = {
    "user": "Zq8+userSecret=",
    "element": "Kx3/elementToken=",
    "key": "sk9apikey",
}
AUTHORIZATION = f"User {SECRETS['user']}, Element {SECRETS['element']}"
SAID = "Item with the same name already exists"


@pytest.fixture
def echoing(platform: FakeCloudElements) -> FakeCloudElements:
    """A platform whose answers hold all that they were sent."""
    platform.reply(
        409,
        message=f"Not for {AUTHORIZATION}",
        provider_message=f"{SAID} {AUTHORIZATION} apiKey={SECRETS['key']}",
        headers={"X-Echo": AUTHORIZATION},
    )
    return platform


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """Our session, with credentials where they belong: in itself."""
    with CloudElementsSession() as session:
        session.headers["Authorization"] = AUTHORIZATION
        session.params = {"apiKey": SECRETS["key"]}
        yield session


def leaking_call(url: str) -> requests.Response:
    """Pass the credentials as arguments, so that frames hold them as variables."""
    with CloudElementsSession() as session:
        return session.get(
            f"{url}/contacts?apiKey={SECRETS['key']}",
            headers={"Authorization": AUTHORIZATION},
        )


def leaks(recorded: object) -> list[str]:
    text = json.dumps(recorded, default=repr)
    return [name for name, secret in SECRETS.items() if secret in text]


# OpenTelemetry


@pytest.fixture
def instrument() -> Iterator[Callable[..., Callable[[], list[ReadableSpan]]]]:
    """Instrument requests, and return what tells the finished spans."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = RequestsInstrumentor()

    def start(**settings: Any) -> Callable[[], list[ReadableSpan]]:
        instrumentor.instrument(tracer_provider=provider, **settings)
        return lambda: list(exporter.get_finished_spans())

    yield start
    instrumentor.uninstrument()
    provider.shutdown()


@pytest.fixture
def spans(
    instrument: Callable[..., Callable[[], list[ReadableSpan]]],
) -> Callable[[], list[ReadableSpan]]:
    """The finished spans, with the instrumentation as it comes."""
    return instrument()


def test_opentelemetry_span_has_status_and_exception(
    spans: Callable[[], list[ReadableSpan]],
    session: requests.Session,
    echoing: FakeCloudElements,
):
    """An error raised by a hook is in the span: status, one line, class, no secret."""
    with pytest.raises(ConflictError) as caught:
        session.get(f"{echoing.url}/contacts")
    (span,) = spans()
    (event,) = span.events
    assert span.attributes["http.status_code"] == 409
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == f"ConflictError: {caught.value}"
    assert event.name == "exception"
    assert event.attributes["exception.type"].endswith(".ConflictError")
    assert event.attributes["exception.message"] == str(caught.value)
    assert SAID in event.attributes["exception.message"]
    assert leaks([span.status.description, dict(event.attributes)]) == []


def without_query(span: Span, request: requests.PreparedRequest) -> None:
    span.set_attribute("http.url", request.url.partition("?")[0])


@pytest.mark.parametrize(
    ("request_hook", "leaked"),
    [(None, ["key"]), (without_query, [])],
    ids=["as it comes", "with a hook"],
)
def test_opentelemetry_records_the_query_itself(
    instrument: Callable[..., Callable[[], list[ReadableSpan]]],
    session: requests.Session,
    echoing: FakeCloudElements,
    request_hook: Callable[..., None] | None,
    leaked: list[str],
):
    """The span's URL is the instrumentation's, query and all: request_hook cuts it."""
    spans = instrument(request_hook=request_hook)
    with pytest.raises(ConflictError):
        session.get(f"{echoing.url}/contacts")
    (span,) = spans()
    assert leaks(json.loads(span.to_json())) == leaked


@pytest.mark.skipif(sys.version_info < (3, 11), reason="no notes")
def test_opentelemetry_stack_trace_has_the_remedy(
    spans: Callable[[], list[ReadableSpan]],
    session: requests.Session,
    platform: FakeCloudElements,
):
    """The notes are in the recorded traceback, the attempts among them."""
    platform.reply(502, times=4)
    with pytest.raises(FailedRequestError) as caught:
        session.get(platform.url)
    (span,) = spans()  # one span for all attempts of one call
    recorded = span.events[0].attributes["exception.stacktrace"]
    assert caught.value.remedy in recorded
    assert "attempt 4: 502" in recorded


def test_opentelemetry_span_of_a_healed_call(
    spans: Callable[[], list[ReadableSpan]],
    session: requests.Session,
    platform: FakeCloudElements,
):
    """What succeeds in the end is a success, whatever came before."""
    platform.reply(502)
    session.get(platform.url)
    (span,) = spans()
    assert span.attributes["http.status_code"] == 200
    assert span.status.status_code is StatusCode.UNSET


# Sentry


class Captured(Transport):
    """Keeps what would have gone to the server."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Any) -> None:
        event = envelope.get_event()
        if event is not None:
            self.events.append(event)


@pytest.fixture
def sentry() -> Iterator[Callable[..., Captured]]:
    """Start Sentry with settings; its scopes are forgotten afterwards."""
    transport = Captured()

    def start(**settings: Any) -> Captured:
        sentry_sdk.init(
            dsn="http://public@127.0.0.1/1",
            transport=transport,
            **settings,
        )
        return transport

    with sentry_sdk.isolation_scope():
        yield start
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


def captured(sentry: Captured, call: Callable[[], object]) -> dict[str, Any]:
    with pytest.raises(CloudElementsError) as caught:
        call()
    sentry_sdk.capture_exception(caught.value)
    (event,) = sentry.events
    return event


def show_the_line(event: dict[str, Any], hint: dict[str, Any]) -> dict[str, Any]:
    """What the guide tells users of Sentry to write."""
    error = hint.get("exc_info", (None, None))[1]
    if isinstance(error, CloudElementsError):
        event["exception"]["values"][-1]["value"] = str(error)
        event.setdefault("contexts", {})["cloud_elements"] = error.to_dict()
    return event


SAFE = {
    "before_send": show_the_line,
    "event_scrubber": EventScrubber(
        [*DEFAULT_DENYLIST, "url", "http.query"], recursive=True
    ),
}


def test_sentry_shows_our_line(
    sentry: Callable[..., Captured],
    session: requests.Session,
    echoing: FakeCloudElements,
):
    """With before_send the event has the line, and every attribute as a context."""
    event = captured(
        sentry(before_send=show_the_line),
        lambda: session.get(f"{echoing.url}/contacts"),
    )
    exception = event["exception"]["values"][-1]
    assert exception["type"] == "ConflictError"
    assert exception["value"].startswith("409 Conflict: Not for User [redacted]")
    assert SAID in exception["value"]
    assert event["contexts"]["cloud_elements"]["stopped_by"] == "status"
    assert "vars" in exception["stacktrace"]["frames"][-1]
    # What is left is the query that Sentry's own breadcrumb of the request has.
    for crumb in event["breadcrumbs"]["values"]:
        crumb["data"].pop("http.query", None)
    assert leaks(event) == []


def test_sentry_shows_the_message_by_itself(
    sentry: Callable[..., Captured],
    session: requests.Session,
    platform: FakeCloudElements,
):
    """Without before_send, Sentry prefers an attribute ``message`` to str(error)."""
    platform.reply(409, message="Request failed", provider_message=SAID)
    event = captured(sentry(), lambda: session.get(f"{platform.url}/contacts"))
    shown = event["exception"]["values"][-1]["value"]
    assert shown.splitlines()[0] == "Request failed"


def test_sentry_breadcrumbs_tell_of_the_retries(
    sentry: Callable[..., Captured],
    session: requests.Session,
    platform: FakeCloudElements,
):
    """Each retry is a breadcrumb, with the fields of its log record."""
    platform.reply(502, provider_message="reset", times=4)
    event = captured(sentry(), lambda: session.get(f"{platform.url}/contacts"))
    crumbs = [
        crumb
        for crumb in event["breadcrumbs"]["values"]
        if crumb["category"] == "cloud_elements_errors"
    ]
    assert [crumb["data"]["attempt"] for crumb in crumbs] == [2, 3, 4]
    assert {crumb["data"]["provider_message"] for crumb in crumbs} == {"reset"}


@pytest.mark.parametrize(
    ("settings", "leaked"),
    [({}, ["user", "element", "key"]), (SAFE, [])],
    ids=["as it comes", "with a scrubber"],
)
def test_sentry_needs_a_scrubber_for_arguments(
    sentry: Callable[..., Captured],
    echoing: FakeCloudElements,
    settings: dict[str, Any],
    leaked: list[str],
):
    """Arguments of a call are variables of requests' frames, which Sentry records."""
    event = captured(sentry(**settings), lambda: leaking_call(echoing.url))
    assert leaks(event) == leaked


# structlog


def rendered(*processors: Any) -> tuple[Any, io.StringIO]:
    stream = io.StringIO()
    logger = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[*processors, structlog.processors.JSONRenderer()],
    )
    return logger, stream


def test_structlog_renders_the_traceback(
    session: requests.Session, echoing: FakeCloudElements
):
    """format_exc_info shows what a traceback shows: our line, and no secret."""
    log, stream = rendered(structlog.processors.format_exc_info)
    with pytest.raises(ConflictError) as caught:
        session.get(f"{echoing.url}/contacts")
    log.error("failed", exc_info=caught.value)
    assert str(caught.value) in json.loads(stream.getvalue())["exception"]
    assert leaks(stream.getvalue()) == []


@pytest.mark.parametrize(
    ("show_locals", "leaked"),
    [(True, ["user", "element", "key"]), (False, [])],
    ids=["with variables", "without"],
)
def test_structlog_renders_a_tree(
    echoing: FakeCloudElements, show_locals: bool, leaked: list[str]
):
    """A tree has the line; with the variables of frames it has a call's arguments."""
    transformer = structlog.tracebacks.ExceptionDictTransformer(
        show_locals=show_locals, locals_max_string=200
    )
    log, stream = rendered(structlog.processors.ExceptionRenderer(transformer))
    with pytest.raises(ConflictError) as caught:
        leaking_call(echoing.url)
    log.error("failed", exc_info=caught.value)
    (exception,) = json.loads(stream.getvalue())["exception"]
    assert exception["exc_type"] == "ConflictError"
    assert exception["exc_value"] == str(caught.value)
    assert leaks(stream.getvalue()) == leaked


def test_structlog_takes_to_dict(session: requests.Session, echoing: FakeCloudElements):
    """Every field is JSON, and no name is one of structlog's own."""
    log, stream = rendered(structlog.processors.add_log_level)
    with pytest.raises(ConflictError) as caught:
        session.get(f"{echoing.url}/contacts")
    log.error("failed", **caught.value.to_dict())
    event = json.loads(stream.getvalue())
    assert event == {**caught.value.to_dict(), "event": "failed", "level": "error"}
    assert leaks(event) == []


def test_structlog_formats_the_records_of_retries(
    session: requests.Session, platform: FakeCloudElements
):
    """ExtraAdder turns what a retry logs into fields."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logger = logging.getLogger("cloud_elements_errors")
    logger.addHandler(handler)
    platform.reply(502, provider_message="reset")
    try:
        session.get(f"{platform.url}/contacts")
    finally:
        logger.removeHandler(handler)
    event = json.loads(stream.getvalue())
    assert event["status_code"] == 502
    assert event["provider_message"] == "reset"
    assert event["path"] == "/contacts"
