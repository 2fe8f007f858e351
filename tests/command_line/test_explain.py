"""``explain`` and the JSON of the command line: a saved answer, and what it means."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from cloud_elements_errors import NORMALIZED_ERRORS
from cloud_elements_errors._command_line.main import main

BODY = json.dumps(
    {
        "message": "Failed to upload file.",
        "requestId": "53dbca9430045c016b46566c",
        "providerMessage": "Item with the same name already exists",
    }
)
CURL = (
    "HTTP/1.1 100 Continue\r\n\r\n"
    "HTTP/2 429 \r\ncontent-type: text/json\r\nretry-after: 5\r\nodd line\r\n\r\n"
    '{"message": "slow\\u001b[31m down"}'
)


@pytest.fixture
def saved(tmp_path):
    """Save an answer, and return its path."""

    def save(text):
        path = tmp_path / "answer"
        path.write_bytes(text.encode())
        return str(path)

    return save


def lines(text):
    """Return what is printed as a title, and its fields by their labels."""
    title, *fields = text.removesuffix("\n").split("\n")
    found = {}
    label = None
    for line in fields:
        label = line[:14].strip() or label
        found[label] = f"{found.get(label, '')} {line[14:].strip()}".strip()
    return title, found


def test_a_status_alone(capsys):
    """A status says what it means, what is retried, and what to do: no more."""
    assert main(["explain", "502"]) == 0
    title, fields = lines(capsys.readouterr().out)
    assert title == "502 Failed Request"
    assert fields == {
        "exception": "FailedRequestError",
        "meaning": NORMALIZED_ERRORS[502].description,
        "retried": "GET HEAD PUT DELETE OPTIONS TRACE, by default",
        "what to do": NORMALIZED_ERRORS[502].remedy,
    }


def test_a_saved_body(saved, capsys):
    """A body says whose words they are, when it was, and which call shows its log."""
    assert main(["explain", "--status", "409", saved(BODY)]) == 0
    title, fields = lines(capsys.readouterr().out)
    assert title == "409 Conflict"
    assert fields == {
        "exception": "ConflictError",
        "meaning": "A resource being created already exists.",
        "message": "Failed to upload file.",
        "provider": "Item with the same name already exists",
        "written by": "provider",
        "request id": "53dbca9430045c016b46566c",
        "requested": "2014-08-01T17:12:52+00:00",
        "log at": "GET /usage/53dbca9430045c016b46566c",
        "retried": "no method, by default",
        "what to do": NORMALIZED_ERRORS[409].remedy,
    }


def test_standard_input(monkeypatch, capsys):
    """A dash reads what a pipe brings."""
    stdin = SimpleNamespace(buffer=io.BytesIO(BODY.encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert main(["explain", "--status", "409", "-", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["provider_message"] == "Item with the same name already exists"
    assert said["type"] == "ConflictError"
    assert said["retried_methods"] == []
    assert said["requested_at"] == "2014-08-01T17:12:52+00:00"


@pytest.mark.parametrize(
    "answer", [CURL, CURL.replace("\r\n", "\n")], ids=["CRLF", "LF"]
)
def test_what_curl_printed(saved, capsys, answer):
    """Of several heads the last counts, and its headers: 429 waits for Retry-After."""
    assert main(["explain", "--curl", saved(answer)]) == 0
    title, fields = lines(capsys.readouterr().out)
    assert title == "429 Too Many Requests"
    assert fields["exception"] == "UnlistedStatusError"
    assert fields["message"] == r"slow\x1b[31m down"
    assert fields["written by"] == "platform"
    assert fields["retried"] == (
        "GET HEAD PUT DELETE OPTIONS TRACE POST PATCH, by default"
    )


RETRY_AFTER = {
    "short": (
        "Retry-After: 60",
        "GET HEAD PUT DELETE OPTIONS TRACE POST PATCH, by default",
    ),
    "too long": ("Retry-After: 600", "no method, by default"),
    "none": ("X: 1", "only with a valid Retry-After header, by default"),
}


@pytest.mark.parametrize(("header", "retried"), RETRY_AFTER.values(), ids=RETRY_AFTER)
def test_who_retries_a_429(saved, capsys, header, retried):
    """The default policy retries a 429 if the server says when, and soon enough."""
    path = saved(f"HTTP/1.1 429 x\r\n{header}\r\n\r\n")
    assert main(["explain", "--curl", path]) == 0
    _, fields = lines(capsys.readouterr().out)
    assert fields["retried"] == retried


def test_a_502_that_asks_for_a_long_wait(saved, capsys):
    """The default policy does not wait longer than a minute."""
    path = saved("HTTP/1.1 502 x\r\nRetry-After: 61\r\n\r\n")
    assert main(["explain", "--curl", path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["retried_methods"] == []


def test_a_request_id_of_another_kind_tells_no_time(saved, capsys):
    """Only an ObjectId begins with the time."""
    assert main(["explain", "--status", "400", saved('{"requestId": "req-123"}')]) == 0
    _, fields = lines(capsys.readouterr().out)
    assert fields["request id"] == "req-123"
    assert "requested" not in fields


@pytest.mark.parametrize(
    ("status", "title", "fields"),
    [
        (
            "200",
            "200 OK",
            {
                "meaning": "Everything worked as expected.",
                "what to do": "Nothing to do.",
            },
        ),
        (
            "302",
            "302 No error",
            {"what to do": "Nothing to do: statuses below 400 never raise."},
        ),
    ],
)
def test_no_error(capsys, status, title, fields):
    """A status below 400 has no exception, and says so."""
    assert main(["explain", status]) == 0
    assert lines(capsys.readouterr().out) == (title, fields)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["abc"],
            "'abc' is not a status from 100 to 999. For a file, add --status or --curl",
        ),
        (
            ["99"],
            "'99' is not a status from 100 to 999. For a file, add --status or --curl",
        ),
        (
            ["--status", "5", "x"],
            "argument --status: '5' is not a status from 100 to 999",
        ),
        (
            ["--curl", "--status", "502", "x"],
            "--status: not allowed with argument --curl",
        ),
        (["--status", "502", "missing"], "cannot read missing: "),
        (["--curl", "."], "cannot read .: "),
        ([], "the following arguments are required: STATUS|FILE"),
    ],
)
def test_errors_of_use_are_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    """Exit status 2, and a line that says what would be right."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["explain", *arguments])
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_the_table_as_json(capsys):
    """A script reads the rows that a person reads."""
    assert main(["table", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["status_code"] for row in rows] == list(NORMALIZED_ERRORS)
    assert rows[0]["exception"] is None
    assert rows[-1] == {
        **NORMALIZED_ERRORS[502]._asdict(),
        "exception": "FailedRequestError",
    }


def test_all_that_the_provider_said(saved, capsys):
    """Its code and the other fields of the body are shown, too."""
    body = '{"message": "m", "providerErrorCode": 17, "errors": [{"field": "näme"}]}'
    assert main(["explain", "--status", "400", saved(body)]) == 0
    _, fields = lines(capsys.readouterr().out)
    assert fields["code"] == "17"
    assert fields["details"] == '{"errors": [{"field": "näme"}]}'
    assert "body" not in fields


def test_a_page_of_a_gateway(saved, capsys):
    """Of a body that is none of Cloud Elements' the words are shown."""
    page = "<html>\n<h1>Down</h1> for maintenance " + "x" * 1000
    assert main(["explain", "--status", "503", saved(page)]) == 0
    _, fields = lines(capsys.readouterr().out)
    assert fields["written by"] == "unknown"
    assert fields["words"].startswith("Down; for maintenance xxx")
    assert fields["words"].endswith("x…")
    assert len(fields["words"]) < 520


WORDS = {
    "reason": ("HTTP/1.1 415 Expected 'text/xml'\r\n\r\n", None),
    "challenge": (
        'HTTP/1.1 401 x\nWWW-Authenticate: Basic realm="a b"\n\n',
        'x; Basic realm="a b"',
    ),
    "standard reason": ("HTTP/1.1 502 Bad Gateway\n\n", None),
    "fields": (
        'HTTP/1.1 409 x\n\n{"requestId": "r", "errors": ["It is taken"]}',
        "It is taken",
    ),
    "message": ('HTTP/1.1 409 x\n\n{"message": "It is taken"}', None),
    "message and fields": (
        'HTTP/1.1 400 x\n\n{"message": "No", "errors": {"name": "is empty"}}',
        "No; name: is empty",
    ),
}


@pytest.mark.parametrize(("answer", "words"), WORDS.values(), ids=WORDS)
def test_words_that_no_other_field_has(saved, capsys, answer, words):
    """The words of an error are shown, unless they are the message or the reason."""
    assert main(["explain", "--curl", saved(answer)]) == 0
    _, fields = lines(capsys.readouterr().out)
    assert fields.get("words") == words


def test_standard_input_that_is_closed(monkeypatch, capsys):
    """As ``<&-`` leaves it."""
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["explain", "--status", "409", "-"])
    assert capsys.readouterr().err == (
        "cloud-elements-errors: cannot read -: standard input is closed\n"
    )


def test_a_saved_file_is_read_up_to_16_mebibytes(monkeypatch):
    """What is longer is cut there, like the body of a response at its own limit."""
    sizes = []

    class File(io.BytesIO):
        def read(self, size=-1):
            sizes.append(size)
            return super().read(size)

    monkeypatch.setattr("pathlib.Path.open", lambda *_: File(b"{}"))
    assert main(["explain", "--status", "409", "body.json"]) == 0
    assert sizes == [16 * 1024 * 1024]


LONG_PAGE = "HTTP/1.1 502 X\r\n\r\n" + "<p>" * 700_000 + "\r\n"


def test_the_last_response_counts_in_a_long_file(saved, capsys):
    """A page of 2 MiB does not hide what came after it."""
    answer = LONG_PAGE + 'HTTP/1.1 409 X\r\n\r\n{"message": "It exists"}'
    assert main(["explain", "--curl", saved(answer)]) == 0
    assert lines(capsys.readouterr().out)[1]["message"] == "It exists"


def test_a_file_that_is_too_long_is_refused(saved, capsys):
    """The last response may be in the part that is not read."""
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["explain", "--curl", saved(LONG_PAGE * 9)])
    assert "it is too long; save the last response alone" in capsys.readouterr().err


def test_words_that_the_terminal_cannot_show(saved):
    """They are escaped; a half of the report and a traceback help nobody."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "cloud_elements_errors"),
            *("explain", "--status", "409", saved('{"message": "Größe"}')),
        ],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert r"Gr\xf6\xdfe" in done.stdout


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("200 OK", {"warning": "Deprecated\\x1b: use v3", "what to do": "Read the"}),
        ("302 Found", {"warning": "Deprecated\\x1b: use v3", "what to do": "Read the"}),
        ("502 Bad Gateway", {"warning": "Deprecated\\x1b: use v3"}),
    ],
)
def test_a_warning(saved, capsys, status, shown):
    """An Elements-Error header is shown, also if the response is no error."""
    head = f"HTTP/1.1 {status}\r\nelements-error: Deprecated\x1b: use v3\r\n\r\n"
    assert main(["explain", "--curl", saved(head)]) == 0
    _, fields = lines(capsys.readouterr().out)
    for label, words in shown.items():
        assert fields[label].startswith(words)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("415 Expected 'text/xml'", "Expected 'text/xml'"),
        ("502 Bad Gateway", None),
        ("502 Failed Request", None),
        ("502", None),
        ("299 Größe", "Größe"),
        ("429 Slow Down", None),
    ],
)
def test_the_reason(saved, capsys, status, reason):
    """The words of the status line are shown if they are not the usual ones."""
    path = saved(f"HTTP/1.1 {status}\r\n\r\n")
    assert main(["explain", "--curl", path]) == 0
    _, fields = lines(capsys.readouterr().out)
    assert fields.get("reason") == reason
    assert main(["explain", "--json", "--curl", path]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["reason"] == (status[4:] or None)


def test_the_reason_of_an_unlisted_status_is_its_title(saved, capsys):
    """It is shown once, and escaped like all words of a server."""
    assert main(["explain", "--curl", saved("HTTP/1.1 777 \x1b[31m\r\n\r\n")]) == 0
    title, fields = lines(capsys.readouterr().out)
    assert title == r"777 \x1b[31m"
    assert "reason" not in fields


def test_seconds_to_wait(saved, capsys) -> None:
    """A quota of a month is shown in full, and beside its label."""
    path = saved("HTTP/1.1 429 x\r\nRetry-After: 2592000\r\n\r\n")
    main(["explain", "--curl", str(path)])
    shown = capsys.readouterr().out
    assert "\n  retry after 2592000.0 seconds\n" in shown
    assert "Wait 2592000 seconds, then" in shown


def test_a_message_without_words_leaves_no_empty_line(saved, capsys) -> None:
    main(["explain", "--status", "502", str(saved('{"message": " "}'))])
    assert "\n\n" not in capsys.readouterr().out
