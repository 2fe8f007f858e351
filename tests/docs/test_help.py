"""What an editor and help() show: public names, their summaries, their examples."""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path

import pytest
import requests
import urllib3

import cloud_elements_errors
from cloud_elements_errors import CloudElementsError, error_from_parts, testing

PUBLIC = {
    **{
        name: getattr(cloud_elements_errors, name)
        for name in dir(cloud_elements_errors)
    },
    **{name: getattr(testing, name) for name in testing.__all__},
}
DOCUMENTED = {
    name: thing
    for name, thing in PUBLIC.items()
    if inspect.isclass(thing) or inspect.isfunction(thing)
}
# One status each: their table is in the README, and their base class has an example.
LEAVES = {cls.__name__ for cls in CloudElementsError.__subclasses__()}
WITH_EXAMPLE = sorted(DOCUMENTED.keys() - LEAVES - {"ReceivedRequest"})


def example_of(name):
    """Return the indented code after a line that ends in two colons."""
    doc = inspect.getdoc(DOCUMENTED[name])
    match = re.search(r"::\n\n((?:    .*\n|\n)+)", f"{doc}\n")
    assert match is not None, f"{name} has no example"
    return textwrap.dedent(match[1])


def test_dir_of_the_package():
    """Completion after "cloud_elements_errors." shows what users may import."""
    names = dir(cloud_elements_errors)
    assert set(cloud_elements_errors.__all__) < set(names)
    assert [name for name in names if name.startswith("_")] == ["__version__"]


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
def test_summary(name):
    """The first line is a sentence that makes sense alone."""
    summary = inspect.getdoc(DOCUMENTED[name]).partition("\n")[0]
    assert re.fullmatch(r"(?:[A-Z]|\d{3}: ).*[.:]|.*: a hook for .*\.", summary)
    assert len(summary.split()) > 3


PROPERTIES = {
    f"{name}.{called}": member
    for name, thing in DOCUMENTED.items()
    if inspect.isclass(thing)
    for called, member in vars(thing).items()
    if isinstance(member, property) and not called.startswith("_")
}


@pytest.mark.parametrize("name", PROPERTIES)
def test_summary_of_a_property(name):
    """It has no colon: Google style reads the words before it as the type."""
    assert ": " not in inspect.getdoc(PROPERTIES[name]).partition("\n")[0]


@pytest.mark.parametrize("name", cloud_elements_errors.__all__)
def test_reference(name):
    """The site has an entry for each public name."""
    pages = (Path(__file__).parent / "reference").glob("*.md")
    entries = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    assert re.search(rf"^\.\. auto\w+:: {name}$", entries, re.MULTILINE)


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
def test_parameters_have_public_names(name):
    """Signatures of classes, functions and public methods show no private name."""
    thing = DOCUMENTED[name]
    callables = [thing]
    if inspect.isclass(thing):
        callables += [
            method
            for called, method in vars(thing).items()
            if inspect.isfunction(method) and not called.startswith("_")
        ]
    names = [name for one in callables for name in inspect.signature(one).parameters]
    # urllib3 names these two of Retry.increment().
    assert {name for name in names if name.startswith("_")} <= {"_pool", "_stacktrace"}


class Client:
    """A client of somebody's, in the example of translate_errors()."""

    contacts = property(lambda self: self)

    def create(self, **fields):
        return fields


@pytest.mark.parametrize("name", WITH_EXAMPLE)
def test_example(name, platform, capsys):
    """The example in the docstring runs."""
    with cloud_elements_errors.CloudElementsSession() as session:
        code = example_of(name).replace("https://api.cloud-elements.com", platform.url)
        namespace = {
            **PUBLIC,
            "client": Client(),
            "error": error_from_parts(409),
            "requests": requests,
            "session": session,
            "urllib3": urllib3,
            "url": platform.url,
        }
        if "error" in code and "patch_requests" not in code:
            platform.reply(409, provider_message="Contact exists")
        exec(compile(code, name, "exec"), namespace)
    printed = capsys.readouterr().out
    assert ("print(" in code) == bool(printed)
