"""The guide about tests shows what happens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from cloud_elements_errors.testing import FakeCloudElements

GUIDE = (Path(__file__).parents[2] / "examples" / "testing.md").read_text("utf-8")


def test_message_of_a_reply_that_no_request_got(
    cloud_elements: FakeCloudElements, capsys: pytest.CaptureFixture[str]
) -> None:
    """The box is what the block before it prints."""
    [(block, box)] = re.findall(r"```python\n([^`]*)```\n\n```text\n([^`]*)```", GUIDE)
    names: dict[str, Any] = {}
    exec(block, names)
    names["test_a_misspelt_path"](cloud_elements)
    assert capsys.readouterr().out == box
