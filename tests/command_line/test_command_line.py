"""The command line, as a person and as a script use it."""

from __future__ import annotations

import io
import logging
import os
import re
import subprocess
import sys
from importlib import metadata
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from cloud_elements_errors import NORMALIZED_ERRORS, __main__, __version__
from cloud_elements_errors._command_line import demo as demo_module
from cloud_elements_errors._command_line import main as command_line
from cloud_elements_errors._command_line.main import main
from cloud_elements_errors._errors.classes import CLASSES

WIDTH = 80


def unwrapped(text: str) -> str:
    """Return the text with every run of white space as one blank."""
    return " ".join(text.split())


def blocks(text: str) -> dict[str, str]:
    """Split what was printed at its titles, which are the lines after an empty one."""
    assert text[0] != "\n", "head -1 would show nothing"
    found = re.split(r"\n\n(?=\S)", "\n\n" + text)
    return {
        title: unwrapped(body)
        for title, _, body in (block.partition("\n") for block in found[1:])
    }


class Terminal(io.StringIO):
    """Text that says it goes to a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def demo() -> str:
    """What the demo prints; it is run once."""
    with pytest.MonkeyPatch.context() as patch:
        output = io.StringIO()
        patch.setattr(sys, "stdout", output)
        # Loopback is reached also where a proxy is set for everything.
        for name in ("HTTP_PROXY", "http_proxy"):
            patch.setenv(name, "http://127.0.0.1:9")
        patch.delenv("NO_PROXY", raising=False)
        patch.delenv("no_proxy", raising=False)
        patch.setattr(demo_module.CloudElementsRetry, "sleep", lambda *_: None)
        assert main(["demo"]) == 0
    return output.getvalue()


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Every row, with its exception, its meaning, and what to do."""
    assert main(["table"]) == 0
    text, err = capsys.readouterr()
    assert err == ""
    found = blocks(text)
    assert list(found) == [
        f"{row.status_code} {row.title}" for row in NORMALIZED_ERRORS.values()
    ]
    for row, body in zip(NORMALIZED_ERRORS.values(), found.values(), strict=True):
        exception = CLASSES.get(row.status_code)
        name = f"exception {exception.__name__} " if exception else ""
        assert body.startswith(f"{name}meaning {row.description} ")
        assert body.endswith(f"what to do {unwrapped(row.remedy)}")
        assert ("retried GET HEAD PUT DELETE" in body) is row.retried


def test_table_fits_and_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    """No line is over 80 columns, and all texts start in the same one."""
    main(["table"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    fields = [line for line in lines if line.startswith("  ")]
    assert all(re.match(r"(  \w[\w ]{0,10} | {14})(?<=^.{14})\S", f) for f in fields)


def test_demo_shows_every_row(demo: str) -> None:
    """For each status the exception, the provider's words and the request id."""
    found = blocks(demo)
    for status, row in NORMALIZED_ERRORS.items():
        body = found[f"{status} {row.title}"]
        assert body.startswith("sent POST /contacts ")
        if status == 200:
            assert body.endswith("response 200 {}")
            continue
        assert f"exception {CLASSES[status].__name__} " in body
        assert f"provider {demo_module._PROVIDER_WORDS[status]} " in body
        assert re.search(r"request id [0-9a-f]{24} ", body)
        assert unwrapped(row.remedy) in body
        assert ("Not retried: a repeated POST" in body) is row.retried


def test_demo_shows_a_502_that_heals(demo: str) -> None:
    """Two retries are logged, and then there is an answer."""
    body = blocks(demo)["502 twice, then 200: a GET that succeeds after retries"]
    assert len(re.findall(r"log Retrying GET /contacts/17 after 502", body)) == 2
    assert "attempt 3 of 4" in body
    assert body.endswith("response 200 {}")


def test_demo_shows_a_502_that_does_not(demo: str) -> None:
    """Three retries are logged; then comes the error, and why it was the last."""
    body = blocks(demo)["502 every time: a GET that fails after retries"]
    assert body.count("Retrying GET /contacts/18 after 502") == 3
    assert "exception FailedRequestError provider Connection reset by peer" in body
    assert "retries Gave up after 4 attempts: no retries left." in body


def test_demo_begins_with_where_it_listens(demo: str) -> None:
    """The first line says what runs, and that it is on this machine."""
    first = demo.splitlines()[0]
    assert re.fullmatch(r"A fake Cloud Elements server: http://127\.0\.0\.1:\d+", first)


def test_demo_fits(demo: str) -> None:
    """No line is over 80 columns."""
    assert max(map(len, demo.splitlines())) <= WIDTH


def test_demo_leaves_the_logger_as_it_was(demo: str) -> None:
    """Nothing of the demo stays in the process."""
    assert demo
    (handler,) = logging.getLogger("cloud_elements_errors").handlers
    assert type(handler) is logging.NullHandler
    assert logging.getLogger("cloud_elements_errors").propagate


@pytest.fixture(autouse=True)
def _no_colour_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave colour to the stream."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("stream", "variables", "coloured"),
    [
        (Terminal, {}, True),
        (Terminal, {"NO_COLOR": ""}, True),
        (Terminal, {"NO_COLOR": "1"}, False),
        (Terminal, {"TERM": "dumb"}, False),
        (io.StringIO, {}, False),
        (io.StringIO, {"FORCE_COLOR": ""}, False),
        (io.StringIO, {"FORCE_COLOR": "1"}, True),
        (io.StringIO, {"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        (Terminal, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colour(
    monkeypatch: pytest.MonkeyPatch,
    stream: type[io.StringIO],
    variables: dict[str, str],
    coloured: bool,
) -> None:
    """There is colour on a terminal that has it, unless a variable says otherwise."""
    for name, value in {"TERM": "xterm", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", stream())
    main(["table"])
    text = sys.stdout.getvalue()
    assert ("\x1b[" in text) is coloured
    assert "404 Not Found" in text
    assert text.count("\x1b[1m") == text.count("\x1b[0m")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], r"cloud-elements-errors: .*COMMAND.*\n"),
        (["tabel"], r"cloud-elements-errors: .*tabel.*\n"),
        (["table", "--x"], r"cloud-elements-errors.*: .*--x.*\n"),
    ],
    ids=["nothing", "unknown command", "unknown option"],
)
def test_usage_error(
    capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    """A wrong use is one line that says what is wrong, and exit status 2."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(line, err)


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """--help names the commands."""
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert re.search(r"^ +table +\S", out, re.MULTILINE)
    assert re.search(r"^ +demo +\S", out, re.MULTILINE)


@pytest.mark.parametrize("command", ["", "table", "explain", "demo"])
def test_help_has_examples(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """--help shows how it is used, in lines that can be run."""
    with pytest.raises(SystemExit) as caught:
        main([*command.split(), "--help"])
    assert caught.value.code == 0
    _, _, examples = capsys.readouterr().out.partition("examples:\n")
    assert examples.strip()
    for line in examples.strip().splitlines():
        assert f"cloud-elements-errors {command}".strip() in line


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """--version says which one this is."""
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"cloud-elements-errors {__version__}\n"


def test_only_the_version_needs_the_metadata_of_the_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A copy without metadata, as in a zip file, explains like an installed one."""

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert main(["explain", "502"]) == 0
    assert "Failed Request" in capsys.readouterr().out
    with pytest.raises(metadata.PackageNotFoundError):
        main(["--version"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has it")
@pytest.mark.parametrize("command", ["table", "demo", "--help", "--version"])
def test_full_disk(command: str) -> None:
    """Nothing more can be written: one line says so, and nothing else is said."""
    with Path("/dev/full").open("wb") as full:
        run = subprocess.run(
            [sys.executable, "-m", "cloud_elements_errors", command],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            # argparse ignores what it cannot write at once.
            env={k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"},
        )
    assert run.returncode == 1
    assert run.stderr == b"cloud-elements-errors: [Errno 28] No space left on device\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has it")
def test_full_disk_in_this_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same where coverage sees it."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["table"]) == 1
    assert "No space left on device" in capsys.readouterr().err


def test_failure_where_output_has_no_descriptor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason is told also where stdout is no file: in a test, in a notebook."""

    def failing(*_: Any) -> None:
        raise OSError("no ports")

    monkeypatch.setattr(command_line, "demo", failing)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert main(["demo"]) == 1
    assert capsys.readouterr().err == "cloud-elements-errors: no ports\n"


def test_closed_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As ``>&-`` leaves it: what was asked for cannot be said."""
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["table"]) == 1
    expected = "cloud-elements-errors: standard output is closed\n"
    assert capsys.readouterr().err == expected


def test_interrupt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C ends it with the status that shells know, without a traceback."""

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line, "table", interrupted)
    assert main(["table"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("command", ["table", "demo"])
def test_closed_pipe(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """A reader that has seen enough is no error, also when Python flushes at exit."""
    reading, writing = os.pipe()
    os.close(reading)
    monkeypatch.setattr(demo_module.CloudElementsRetry, "sleep", lambda *_: None)
    with open(writing, "w", encoding="utf-8") as stream:  # noqa: PTH123 - of a pipe
        monkeypatch.setattr(sys, "stdout", stream)
        assert main([command]) == 141
        stream.write("more")
        stream.flush()


@pytest.mark.parametrize("command", ["table", "demo"])
def test_closed_pipe_of_the_process(command: str) -> None:
    """As with ``| head -1``: the process says nothing on its way out."""
    with subprocess.Popen(
        [sys.executable, "-m", "cloud_elements_errors", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_run_as_a_module() -> None:
    """``python -m cloud_elements_errors`` is main, whose result is the exit status."""
    command = [sys.executable, "-m", "cloud_elements_errors", "table"]
    run = subprocess.run(command, capture_output=True, check=True)
    assert b"502 Failed Request" in run.stdout
    assert run.stderr == b""


def test_module_that_is_run_exits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same within this process, where coverage sees it."""
    monkeypatch.setattr(sys, "argv", ["cloud-elements-errors", "table"])
    source = Path(__main__.__file__)
    names = {**vars(__main__), "__name__": "__main__"}
    with pytest.raises(SystemExit) as caught:
        exec(compile(source.read_bytes(), source, "exec"), names)
    assert caught.value.code == 0
    assert "502 Failed Request" in capsys.readouterr().out


def test_script() -> None:
    """The script that comes with the package is main."""
    [script] = entry_points(group="console_scripts", name="cloud-elements-errors")
    assert script.load() is main
