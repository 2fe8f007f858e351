"""Dashboards: count errors and retries, and put them on the trace of the request.

Prometheus and OpenTelemetry here; `on_error` and the log records serve any other.
Needs prometheus-client and opentelemetry-sdk.
"""

from __future__ import annotations

import logging

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from prometheus_client import CollectorRegistry, Counter, generate_latest

from cloud_elements_errors import CloudElementsError, CloudElementsSession
from cloud_elements_errors.testing import FakeCloudElements, no_wait

registry = CollectorRegistry()
errors = Counter(
    "cloud_elements_errors",
    "Calls that failed in the end",
    ["status", "origin", "stopped_by"],  # few values each: no path, no message
    registry=registry,
)
retries = Counter(
    "cloud_elements_retries", "Further attempts", ["status"], registry=registry
)


def on_error(error: CloudElementsError) -> None:
    """Count an error before it is raised, and tell the current span of it."""
    errors.labels(error.status_code, error.origin, error.stopped_by).inc()
    said = {
        "status_code": error.status_code,
        "origin": error.origin,
        "request_id": error.request_id,
        "provider_message": error.provider_message,
        "attempts": len(error.attempts),
        "stopped_by": error.stopped_by,
    }
    trace.get_current_span().add_event(
        "cloud_elements.error", {k: v for k, v in said.items() if v is not None}
    )


class Retries(logging.Handler):
    """Count retries by the log records, which have all of them in fields."""

    def emit(self, record: logging.LogRecord) -> None:
        """Take the record of a retry; there are others, of warnings."""
        if hasattr(record, "wait"):
            # None where the attempt before met a network failure.
            retries.labels(getattr(record, "status_code", None)).inc()
            trace.get_current_span().add_event(
                "cloud_elements.retry", {"attempt": getattr(record, "attempt", 0)}
            )


def main(base: str) -> None:
    """Make a call that heals, and one that does not, each in a span of its own."""
    provider = TracerProvider()
    exporter = ConsoleSpanExporter(formatter=lambda span: f"{span.to_json(None)}\n")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer(__name__)
    logging.getLogger("cloud_elements_errors").addHandler(Retries())

    session = CloudElementsSession(on_error=on_error)
    for name in ("contacts", "invoices"):
        try:
            # The event of on_error says more than a recorded exception.
            with tracer.start_as_current_span(name, record_exception=False):
                session.get(f"{base}/{name}")
        except CloudElementsError as error:
            print(error)
    print(generate_latest(registry).decode())


if __name__ == "__main__":
    with FakeCloudElements() as platform, no_wait():
        platform.reply(502, path="/contacts", times=2)
        platform.reply(
            502,
            path="/invoices",
            provider_message="The tenant is being moved",
            times=4,
        )
        main(platform.url)
