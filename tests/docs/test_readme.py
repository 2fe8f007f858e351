"""The README and the examples tell the truth, and run."""

from __future__ import annotations

import inspect
import re
import runpy
import subprocess
import sys
import textwrap
import traceback
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import requests

from cloud_elements_errors import (
    NORMALIZED_ERRORS,
    CloudElementsError,
    CloudElementsRetry,
    FailedRequestError,
    error_from_parts,
)
from cloud_elements_errors._errors.classes import CLASSES
from cloud_elements_errors._errors.line import STOPPED_BY
from cloud_elements_errors._requests import adapter
from cloud_elements_errors._table import REMEDIES, remedy_of
from cloud_elements_errors.testing import FakeCloudElements, no_wait

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
GUIDES = sorted((ROOT / "examples").glob("*.md"))
HOST = "https://api.cloud-elements.com"


def boxes(path: Path, language: str) -> list[str]:
    """Return the boxes of a page that are marked with a language."""
    text = path.read_text(encoding="utf-8")
    return re.findall(
        rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL
    )


BLOCKS = [
    pytest.param(code, id=f"{path.stem}-{number}")
    for path in (ROOT / "README.md", *GUIDES)
    for number, code in enumerate(boxes(path, "python"))
]
FIRST_EXAMPLE = boxes(ROOT / "README.md", "python")[0]
# These have tests of their own, where the packages that they need are installed.
ELSEWHERE = {"bulk_on_dask", "metrics", "outage"}
EXAMPLES = sorted(
    path for path in (ROOT / "examples").glob("*.py") if path.stem not in ELSEWHERE
)


def expected_table() -> str:
    rows = ["| status | exception | what it means, and what to do |", "|---|---|---|"]
    for row in NORMALIZED_ERRORS.values():
        cls = CLASSES.get(row.status_code)
        name = f"`{cls.__name__}`" if cls is not None else "none"
        retried = " Retried." if row.retried else ""
        rows.append(
            f"| {row.status_code} {row.title} | {name} "
            f"| {row.description}{retried} **{row.remedy}** |"
        )
    by_remedy: dict[str, list[int]] = {}
    for status in sorted(REMEDIES.keys() - NORMALIZED_ERRORS.keys() - {0}):
        by_remedy.setdefault(REMEDIES[status], []).append(status)
    remedies = [
        f"{' to '.join(map(str, dict.fromkeys((statuses[0], statuses[-1]))))}: {remedy}"
        for remedy, statuses in by_remedy.items()
    ]
    rows.append(
        "| any other from 400 | `UnlistedStatusError` | Not in the platform's list. "
        f"**{'<br>'.join(remedies)}<br>413, 429 or 503 with `Retry-After`: "
        f"{remedy_of(429, 7).replace('7', '`retry_after`')}** |"
    )
    return "\n".join(rows)


def test_the_table_of_the_readme_is_the_one_of_the_code():
    """One fact, one place: the README's list is what the code holds."""
    table = re.search(
        r"<!-- table:[^\n]*-->\n(.*?)\n<!-- end of table -->", README, re.DOTALL
    )
    assert table is not None
    assert table[1] == expected_table()


@pytest.mark.parametrize("code", BLOCKS)
def test_each_python_block_runs(
    code: str, cloud_elements: FakeCloudElements, capsys: pytest.CaptureFixture[str]
):
    """You can paste any block of the README or a guide: it runs offline.

    It prints what its comments say.
    """
    names: dict[str, Any] = {"__name__": "pasted"}
    the_first_one = code == FIRST_EXAMPLE
    with pytest.raises(FailedRequestError) if the_first_one else nullcontext():
        exec(compile(code, "pasted", "exec"), names)
    for name in [name for name in names if name.startswith("test_")]:
        names[name](cloud_elements)
    printed = capsys.readouterr().out.splitlines()
    promised = re.findall(r"print\(.*\)  # (.*)", code)
    assert len(printed) >= len(promised)
    for line, comment in zip(printed, promised, strict=False):
        assert comment.startswith(line)


def last_lines(error: BaseException) -> str:
    """Return the end of a traceback, with what differs from run to run replaced."""
    return same_in_each_run("".join(traceback.format_exception_only(error)))


def same_in_each_run(text: str) -> str:
    for pattern, constant in (
        (r"http://127\.0\.0\.1:\d+", HOST),
        (r"\b[0-9a-f]{24}\b", "REQUEST_ID"),
        (r"\d\.\d\d s\b", "N s"),
    ):
        text = re.sub(pattern, constant, text)
    return text


def test_the_traceback_before(cloud_elements: FakeCloudElements):
    """The first box is what requests shows for the response of the example."""
    cloud_elements.reply(502, provider_message="Invalid Reference Id")
    url = f"{cloud_elements.url}/elements/api-v2/bills/17"
    with pytest.raises(requests.HTTPError) as caught:
        requests.get(url, timeout=30).raise_for_status()
    assert last_lines(caught.value) == boxes(ROOT / "README.md", "text")[0]


@pytest.mark.usefixtures("cloud_elements")
def test_the_traceback_after():
    """The second box begins as the traceback of the example does."""
    with pytest.raises(FailedRequestError) as caught:
        exec(FIRST_EXAMPLE, {})
    shown, dots, _ = boxes(ROOT / "README.md", "text")[1].partition("  …\n")
    assert dots
    if sys.version_info < (3, 11):  # no notes
        shown = shown.splitlines(keepends=True)[0]
    assert last_lines(caught.value).startswith(same_in_each_run(shown))


def test_there_are_blocks_to_run():
    """The test above has something to test."""
    assert len(BLOCKS) >= 10


def test_links_lead_somewhere():
    """Each link of the README and the guides to a file or a heading finds it."""
    for path in (ROOT / "README.md", *GUIDES):
        for link in re.findall(r"\]\(((?!https?:)[^)]+)\)", path.read_text("utf-8")):
            name, _, anchor = link.partition("#")
            target = path.parent / name if name else path
            assert target.exists(), f"{path.name}: {link}"
            if anchor:
                headings = re.findall(r"(?m)^#+ (.*)$", target.read_text("utf-8"))
                slugs = {re.sub(r"[^\w -]", "", one).lower() for one in headings}
                assert anchor.replace("-", " ") in slugs, f"{path.name}: {link}"


def test_the_guides_are_listed():
    """Whoever opens the folder finds each guide and each script in its list."""
    listed = (ROOT / "examples" / "README.md").read_text("utf-8")
    for path in (ROOT / "examples").glob("*.*"):
        if path.suffix in {".md", ".py"} and path.name != "README.md":
            assert f"({path.name})" in listed, path.name


def test_the_changelog_knows_the_version():
    """Its newest entry is the version of the package."""
    version = re.search(r'(?m)^version = "(.*)"$', PROJECT)
    assert version is not None
    assert README.partition("## Changelog\n\n")[2].startswith(f"{version[1]} ")


def test_the_supported_pythons():
    """The README names the oldest and the newest Python that the package names."""
    pythons = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', PROJECT)
    assert f"on Python {pythons[0]} to {pythons[-1]}." in " ".join(README.split())


def test_the_readme_is_a_front_door():
    """It is read once, in full; the rest is in the guides."""
    assert len(README.splitlines()) <= 200


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_each_example_runs(path: Path, capsys: pytest.CaptureFixture[str]):
    """Every file in examples/ runs offline, and shows something."""
    with no_wait():
        runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out.strip()


def test_ci_runs_what_the_readme_tells_users_to_run():
    """The last line of .ci/run is a line of the README, to the letter."""
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").strip()
    assert ci.splitlines()[-1] in README.splitlines()
    subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=True)


def test_way_of_a_request_is_the_docstrings() -> None:
    """The drawing for contributors is the one that stands in the code."""
    drawing = textwrap.dedent((adapter.__doc__ or "").partition("::\n\n")[2])
    assert 5 < len(drawing.splitlines()) <= 10
    assert f"```text\n{drawing}```" in README


def first_cells(text: str) -> set[str]:
    """Return the words in backquotes in the first column of a table."""
    cells = re.findall(r"^\| (`.*?) \|", text, flags=re.MULTILINE)
    return set(re.findall(r'`"?(\w+)"?`', " ".join(cells)))


def test_the_attributes_in_the_readme_and_in_the_class():
    """Both list all that `to_dict()` has."""
    names = error_from_parts(404).to_dict().keys() - {"type"}
    table = README.partition("## What an error knows")[2].partition("\n## ")[0]
    assert first_cells(table) - {"attribute"} == names
    described = inspect.getdoc(CloudElementsError).partition("Attributes:")[2]
    members = vars(CloudElementsError).items()
    properties = {name for name, member in members if isinstance(member, property)}
    listed = set(re.findall(r"^    (\w+): ", described, flags=re.MULTILINE))
    assert listed - {"response", "request"} == names - properties


def test_the_reasons_in_the_readme_and_in_the_class():
    """Both list all values of `stopped_by`."""
    table = README.partition("| `stopped_by` | reason |")[2].partition("\n\n")[0]
    assert first_cells(table) == STOPPED_BY.keys()
    for reason in STOPPED_BY:
        assert f'``"{reason}"``' in CloudElementsError.__doc__


def test_the_defaults_in_the_guide_to_retries():
    """Each comment of the example that names a default names the right one."""
    guide = (ROOT / "examples" / "retries.md").read_text(encoding="utf-8")
    named = re.findall(r"^    (\w+)=.*; default (\d[\d.]*)", guide, flags=re.MULTILINE)
    policy = CloudElementsRetry()
    assert {name: getattr(policy, name) for name, _ in named} == {
        name: float(default) for name, default in named
    }
    assert len(named) == 5
