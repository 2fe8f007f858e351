"""The guide's tables name what is tested here."""

from __future__ import annotations

import re
from pathlib import Path

import tomllib

ROOT = Path(__file__).parent.parent.parent
GUIDE = (ROOT / "examples" / "clients.md").read_text("utf-8")

# Rows whose package has another name, or that are part of a test's group.
OTHER_NAMES = {
    "openapi-generator": "openapi-generator-cli",
    "opentelemetry": "opentelemetry-instrumentation-requests",
    "sentry": "sentry-sdk",
    "prometheus": "prometheus-client",
}


def rows() -> list[str]:
    """Return the first cells of the two tables."""
    tables = GUIDE[GUIDE.index("## Clients") :]
    cells = re.findall(r"^\| ([^|]+) \|", tables, re.MULTILINE)
    return [cell for cell in cells if cell not in {"Client", "Tool"}]


def test_there_are_forty_rows():
    """That many clients and tools are tried."""
    assert len(rows()) >= 40
    assert len(set(rows())) == len(rows())


def test_each_row_is_tested():
    """What a row names is installed for these tests."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = document["dependency-groups"]
    named = {
        re.split(r"[^A-Za-z0-9-]", requirement)[0].lower()
        for group in ("compat", "examples", "test")
        for requirement in groups[group]
        if isinstance(requirement, str)
    }
    for row in rows():
        name = re.split(r"[ ,]", row.lower())[0]
        assert {name, OTHER_NAMES.get(name)} & named, row
