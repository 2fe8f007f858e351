"""Count errors and retries for a dashboard, and add them to the trace of the request.

It uses Prometheus and OpenTelemetry, and needs prometheus-client and
opentelemetry-sdk. Other tools can use `on_error` and the log records in the same way.
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
    ["status", "origin", "stopped_by"],  # each has few values
    registry=registry,
)
retries = Counter(
    "cloud_elements_retries", "Further attempts", ["status"], registry=registry
)


def on_error(error: CloudElementsError) -> None:
    """Count an error before it is raised, and add it to the current span."""
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
    """Counts retries by their log records."""

    def emit(self, record: logging.LogRecord) -> None:
        """Count the record if it is of a retry. Records of warnings have no *wait*."""
        if hasattr(record, "wait"):
            # None if the attempt ended in a network failure.
            retries.labels(getattr(record, "status_code", None)).inc()
            trace.get_current_span().add_event(
                "cloud_elements.retry", {"attempt": getattr(record, "attempt", 0)}
            )


def main(base: str) -> None:
    """Send a request that succeeds after retries, and one that fails."""
    provider = TracerProvider()
    exporter = ConsoleSpanExporter(formatter=lambda span: f"{span.to_json(None)}\n")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer(__name__)
    logging.getLogger("cloud_elements_errors").addHandler(Retries())

    session = CloudElementsSession(timeout=30, on_error=on_error)
    for name in ("contacts", "invoices"):
        try:
            # on_error has added more than a recorded exception has.
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
