"""examples/metrics.py exports what happened, to Prometheus and to OpenTelemetry."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "metrics.py"


@pytest.fixture(scope="module")
def printed() -> list[str]:
    """Run the example in a process of its own, since it adds a handler for good."""
    done = subprocess.run(
        [sys.executable, EXAMPLE],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.splitlines()


def test_counters_are_exported(printed: list[str]):
    """One call healed after two retries, one failed after three."""
    labels = 'origin="provider",status="502",stopped_by="attempts"'
    assert [line for line in printed if "_total{" in line] == [
        f"cloud_elements_errors_total{{{labels}}} 1.0",
        'cloud_elements_retries_total{status="502"} 5.0',
    ]


def test_span_events_are_exported(printed: list[str]):
    """Each span has its retries, and the failed one the error with its attributes."""
    spans = [json.loads(line) for line in printed if line.startswith("{")]
    assert [(span["name"], span["status"]["status_code"]) for span in spans] == [
        ("contacts", "UNSET"),
        ("invoices", "ERROR"),
    ]
    retry = "cloud_elements.retry"
    healed, failed = ([event["name"] for event in span["events"]] for span in spans)
    assert healed == [retry] * 2
    assert failed == [retry] * 3 + ["cloud_elements.error"]
    said = spans[1]["events"][-1]["attributes"]
    assert f"request id: {said.pop('request_id')}" in spans[1]["status"]["description"]
    assert said == {
        "status_code": 502,
        "origin": "provider",
        "provider_message": "The tenant is being moved",
        "attempts": 4,
        "stopped_by": "attempts",
    }
