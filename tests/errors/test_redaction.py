"""No secret of a request leaves it with an error, and no innocent text is damaged."""

from __future__ import annotations

import base64
import html
import json
import pickle
import re
import traceback
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
import requests
import urllib3
from requests.structures import CaseInsensitiveDict

from cloud_elements_errors import Attempt, error_from_parts, error_from_response
from cloud_elements_errors._errors.build import error_from_payload
from cloud_elements_errors._errors.line import error_notes
from cloud_elements_errors._errors.payload import ErrorPayload
from cloud_elements_errors._errors.redaction import (
    REDACTED,
    Redactor,
)
from cloud_elements_errors._urls import clean_url

RECORDED = json.loads(
    (Path(__file__).parents[1] / "data" / "recorded_bodies.json").read_text("utf-8")
)

USER = "u5kT+1xh/9q2LhT3mYw8Zs0bq1c="
ORGANIZATION = "9b1f4cc1e0d9e3a14f0f8a0a"
ELEMENT = "Zk3Tq+abc/def_0123-456789=="
PASSWORD = 'p&ss "wörd" 😀 <1%41\\u0041>'
BASIC = base64.b64encode(b"jane:s3cr3t pa:ss").decode()
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0." + "Zm9vYmFy" * 50
BASE = "https://api.cloud-elements.com/elements/api-v2/contacts"

# Headers and URL of a request, and what of them nobody may see.
REQUESTS = {
    "three-secrets": (
        {
            "Authorization": f"User {USER}, Organization {ORGANIZATION}, "
            f"Element {ELEMENT}"
        },
        BASE,
        [USER, ORGANIZATION, ELEMENT],
    ),
    "other-order": (
        {"Authorization": f"Element {ELEMENT},Organization {ORGANIZATION},User {USER}"},
        BASE,
        [USER, ORGANIZATION, ELEMENT],
    ),
    "with-colons": (
        {
            "Authorization": f"User: {USER}, Element: {ELEMENT}, "
            f"Organization:{ORGANIZATION}"
        },
        BASE,
        [USER, ORGANIZATION, ELEMENT],
    ),
    "lower-case": (
        {"authorization": f"user {USER}, organization {ORGANIZATION}"},
        BASE,
        [USER, ORGANIZATION],
    ),
    "as-bytes": (
        {"Authorization": f"User {USER}, Element {ELEMENT}".encode()},
        BASE,
        [USER, ELEMENT],
    ),
    "bearer": ({"Authorization": f"Bearer {JWT}"}, BASE, [JWT]),
    "no-scheme": ({"Authorization": USER}, BASE, [USER]),
    "other-scheme": ({"Authorization": f"ApiKey {USER}"}, BASE, [USER]),
    "basic": (
        {"Authorization": f"Basic {BASIC}"},
        BASE,
        [BASIC, "s3cr3t pa:ss"],
    ),
    "digest": (
        {
            "Authorization": 'Digest username="jane", realm="r", nonce="7ypf/xlj9XX", '
            'uri="/elements/api-v2/contacts", response="6629fae49393a05397450978", '
            "qop=auth, nc=00000001"
        },
        BASE,
        ["6629fae49393a05397450978"],
    ),
    "cookie": (
        {"Cookie": "lang=en; JSESSIONID=0A1B2C3D4E5F6789.node1; t=abc%2Bdef%2F123"},
        BASE,
        ["0A1B2C3D4E5F6789.node1", "abc%2Bdef%2F123", "abc+def/123"],
    ),
    "proxy": ({"Proxy-Authorization": f"Basic {BASIC}"}, BASE, [BASIC]),
    "vendor": ({"x-vendor-authorization": f"Bearer {USER}"}, BASE, [USER]),
    "api-key-header": ({"X-Api-Key": ELEMENT}, BASE, [ELEMENT]),
    "userinfo": (
        {},
        f"https://jane.doe:{quote(PASSWORD, safe='')}@example.com/x",
        [PASSWORD],
    ),
    "query": (
        {},
        f"{BASE}?where=id%3D1&apiSecret={quote_plus(PASSWORD)}&apiKey={quote(ELEMENT)}",
        [PASSWORD, ELEMENT],
    ),
    "characters": (
        {},
        f"{BASE}?token={quote('grün+ß&東京/😀 end')}",
        ["grün+ß&東京/😀 end"],
    ),
    "gateway-keys": (
        {"Ocp-Apim-Subscription-Key": ELEMENT},
        f"{BASE}?subscription-key={quote(PASSWORD)}&otp=914-266",
        [PASSWORD, ELEMENT, "914-266"],
    ),
    "short-in-query": ({}, f"{BASE}?code=x7%2B9z&pageSize=200", ["x7+9z"]),
}


def _details(fields, redact=None):
    """Return the details of an error whose body has these fields."""
    body = json.dumps(fields, ensure_ascii=False).encode()
    return ErrorPayload({}, body, redact or Redactor()).details


def _as_numbers(text, form):
    """Escape what Gson, .NET and templates escape."""
    return re.sub("[<>&'\"+=]", lambda char: form.format(ord(char[0])), text)


ESCAPES = {
    "raw": str,
    "percent": lambda text: quote(text, safe=""),
    "percent-lower-case": lambda text: re.sub(
        "%..", lambda code: code[0].lower(), quote(text, safe="")
    ),
    "percent-twice": lambda text: quote(quote(text, safe=""), safe=""),
    "form": quote_plus,
    "json": lambda text: json.dumps(text)[1:-1],
    "json-utf-8": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "json-twice": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "json-with-slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "json-codes": lambda text: _as_numbers(text, "\\u{:04x}"),
    "json-codes-upper-case": lambda text: _as_numbers(text, "\\u{:04X}"),
    "html": html.escape,
    "html-decimal": lambda text: _as_numbers(text, "&#{};"),
    "html-hex": lambda text: _as_numbers(text, "&#x{:X};"),
    "url-safe-base64": lambda text: text.replace("+", "-").replace("/", "_"),
}


@pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES)
@pytest.mark.parametrize(("headers", "url", "secrets"), REQUESTS.values(), ids=REQUESTS)
def test_known_secret_is_removed_in_every_form(headers, url, secrets, escape):
    """A secret of the request is found however a server may have escaped it."""
    redact = Redactor(headers, url)
    for secret in secrets:
        echoed = escape(secret)
        cleaned = redact(f"before ({echoed}) after")
        assert echoed not in cleaned
        assert cleaned.startswith("before (")
        assert cleaned.endswith(") after")
        assert REDACTED in cleaned


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize(("headers", "url", "secrets"), REQUESTS.values(), ids=REQUESTS)
def test_known_secret_is_removed_in_base64(headers, url, secrets, encode):
    """The whole of a secret is found in both alphabets of base64."""
    redact = Redactor(headers, url)
    for secret in secrets:
        echoed = encode(secret.encode()).decode()
        for text in (echoed, echoed.rstrip("=")):
            assert redact(f"got: '{text}' end") == f"got: '{REDACTED}' end"


CUT = ["raw", "percent", "json", "json-with-slashes"]


@pytest.mark.parametrize("escape", CUT)
@pytest.mark.parametrize("name", ["three-secrets", "basic", "characters"])
def test_secret_that_is_cut_at_the_end(name, escape):
    """Of a secret that the bound has cut, three characters can be seen at most."""
    headers, url, secrets = REQUESTS[name]
    redact = Redactor(headers, url)
    for secret in secrets:
        echoed = ESCAPES[escape](secret)
        shown = len(ESCAPES[escape](secret[:4])) + 12
        for length in range(len(echoed) + 1):
            cleaned = redact("echo: " + echoed[:length], cut=True)
            assert cleaned.startswith("echo: ")
            assert len(cleaned.replace(REDACTED, "")) < len("echo: ") + shown
            if length > shown:
                assert cleaned == f"echo: {REDACTED}"


@pytest.mark.parametrize("secret", [USER, ELEMENT])
def test_secret_without_its_padding(secret):
    """The equals signs at the end of base64 are no part of the secret."""
    headers, url, _secrets = REQUESTS["three-secrets"]
    redact = Redactor(headers, url)
    assert redact(f"({secret.rstrip('=')})") == redact(f"({secret})") == f"({REDACTED})"


def test_base64_that_is_cut_at_the_end():
    """The beginning of a secret in base64 is removed too."""
    redact = Redactor({"Authorization": f"User {USER}"})
    echoed = base64.b64encode(USER.encode()).decode()
    for length in range(4, len(echoed)):
        assert redact(f"x {echoed[:length]}", cut=True) == f"x {REDACTED}"


def test_text_that_was_not_cut_keeps_its_end():
    """What looks like a secret's beginning is text, where nothing is missing."""
    redact = Redactor({"Authorization": f"User {USER}"})
    assert redact(USER[:10]) == USER[:10]


def test_cut_text_without_a_secret_stays():
    """A cut alone removes nothing, not even half an escape."""
    redact = Redactor({"Authorization": f"User {USER}"})
    for text in ("", "abc", "100%", "a\\", "a\\u00", "x &am", "u5k", f"{USER[:6]} x"):
        assert redact(text, cut=True) == text


WHOLE_WORDS = ["x7+9z", "(x7+9z)", "code=x7+9z&", "x7%2B9z", "x7+9z,x7+9z", r"a\nx7+9z"]


@pytest.mark.parametrize("text", WHOLE_WORDS)
def test_short_secret_is_removed_as_a_word(text):
    """A secret of four to seven characters is removed where it is a word."""
    cleaned = Redactor(None, f"{BASE}?code=x7%2B9z")(text)
    assert "9z" not in cleaned
    assert REDACTED in cleaned


@pytest.mark.parametrize("password", ["pass", "contacts"])
def test_a_password_that_is_a_word(password):
    """It is no reason to cut words into pieces, or to hide the name of a field."""
    redact = Redactor(None, f"{BASE}?password={password}")
    text = f'by{password} {password}age {password}1 {password}_2 {{"{password}": 1}}'
    assert redact(text) == text
    assert redact(f"{text} {password}") == f"{text} {REDACTED}"
    assert _details({password: 1}, redact) == {password: 1}


@pytest.mark.parametrize("value", ["abc", "", "a", "%41"])
def test_too_short_for_a_secret(value):
    """What has fewer than four characters cannot be told from other text."""
    redact = Redactor(None, f"{BASE}?code={value}")
    assert redact("abc a A") == "abc a A"


LOOKS_SECRET = {
    "bearer": ("Bearer abcdef123456 failed", f"Bearer {REDACTED} failed"),
    "basic": ("sent Basic dXNlcjpwYXNz1=", f"sent Basic {REDACTED}"),
    "basic-without-digit": ("Basic dXNlcjpwYXNz", f"Basic {REDACTED}"),
    "three": (
        "got User a1b2c3d4, Organization e5f6a7b8, Element c9d0e1f2=",
        f"got User {REDACTED}, Organization {REDACTED}, Element {REDACTED}",
    ),
    "two-elements": (
        "Element abc123def, Element xyz123abc",
        f"Element {REDACTED}, Element {REDACTED}",
    ),
    "element-colon": (
        "Element: abc123def, Element: xyz123abc",
        f"Element: {REDACTED}, Element: {REDACTED}",
    ),
    "json": ('{"password": "hunter2"}', f'{{"password": "{REDACTED}"}}'),
    "json-number": ('{"pin":123456}', f'{{"pin":"{REDACTED}"}}'),
    "json-list": (
        '{"api_keys": ["a1b2c3d4", "x", 12345678]}',
        f'{{"api_keys": ["{REDACTED}", "x", "{REDACTED}"]}}',
    ),
    "json-object": (
        '{"token": {"value": "a1b2c3d4e5", "type": "Bearer"}}',
        f'{{"token": {{"value": "{REDACTED}", "type": "Bearer"}}}}',
    ),
    "json-in-json": (
        r'"{\"apiSecret\":\"hunter2\",\"a\":1}"',
        rf'"{{\"apiSecret\":\"{REDACTED}\",\"a\":1}}"',
    ),
    "parameter": ("?apiKey=abc12345&x=1", f"?apiKey={REDACTED}&x=1"),
    "parameter-escaped": ("token%3Dabc12345%26x%3D1", f"token%3D{REDACTED}%26x%3D1"),
    "cookie": ("JSESSIONID=0A1B2C3D; Path=/", f"JSESSIONID={REDACTED}; Path=/"),
    "assignment": ("{token = abc12345, x=1}", f"{{token = {REDACTED}, x=1}}"),
    "xml": ("<Password>hunter2</Password>", f"<Password>{REDACTED}</Password>"),
    "userinfo": ("amqp://svc:gu3st@mq/vhost", f"amqp://svc:{REDACTED}@mq/vhost"),
    "json-web-token": ("got eyJhbGciOiJI.eyJzdWIi.c2ln!", f"got {REDACTED}!"),
    "private-key": (
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----.",
        f"{REDACTED}.",
    ),
    "well-known": ("for xoxb-17171717-abcdef in", f"for {REDACTED} in"),
    "words": (
        "Password: hunter2x! API key: a1b2c3d4e5.",
        f"Password: {REDACTED}! API key: {REDACTED}.",
    ),
    "encrypted-private-key": (
        "-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: AES-128\n\nMII\n-----END KEY-----.",
        f"{REDACTED}.",
    ),
    "pgp": (
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nl\n-----END PRIVATE KEY BLOCK-----.",
        f"{REDACTED}.",
    ),
    "password-field-of-a-form": (
        '<input type="password" name="password" value="Sommer2024"> Forgot it?',
        f'<input type="password" name="password" value="{REDACTED}"> Forgot it?',
    ),
    "password-field-in-json": (
        r'{"m": "<input type=\"password\" name=\"pw\" value=\"Sommer2024\">"}',
        rf'{{"m": "<input type=\"password\" name=\"pw\" value=\"{REDACTED}\">"}}',
    ),
    "pair-on-two-lines": (
        '{\r\n      "name": "X-Api-Key",\r\n      "value": "q7xW2mZ9"\r\n}',
        f'{{\r\n      "name": "X-Api-Key",\r\n      "value": "{REDACTED}"\r\n}}',
    ),
    "plus": (
        "AccountName=foo;AccountKey=Zq7x+Kx9Lm2zz/abc==",
        f"AccountName=foo;AccountKey={REDACTED}",
    ),
    "plus-alone": ("password=s3cr+Kx9Lm2", f"password={REDACTED}"),
    "ruby": ('{"password"=>"sesame"}', f'{{"password"=>"{REDACTED}"}}'),
    "php": ("['api_key' => 'qwertyuiop']", f"['api_key' => '{REDACTED}']"),
    "word-of-a-tag": (
        '<item key="password" type="string">sesame</item>',
        f'<item key="password" type="string">{REDACTED}</item>',
    ),
    "word-and-number": ("Invalid API key: Summer2024", f"Invalid API key: {REDACTED}"),
    "list": (
        '{"access_tokens": ["abcdefghijklmnop"]}',
        f'{{"access_tokens": ["{REDACTED}"]}}',
    ),
    "last-part": (
        "Invalid Element token provided, Element ElemTok11zz1234567",
        f"Invalid Element token provided, Element {REDACTED}",
    ),
    "tag-on-lines": (
        '<Secret id="1"\n  kind="a">\n  opensesame\n</Secret>',
        f'<Secret id="1"\n  kind="a">\n  {REDACTED}\n</Secret>',
    ),
    "masked-parts": (
        "User ***, Organization [redacted], Element Kx9Lm2zz12345678",
        f"User ***, Organization [redacted], Element {REDACTED}",
    ),
    "in-a-field-of-words": (
        '{"token": "call with password=hunter2 failed"}',
        f'{{"token": "call with password={REDACTED} failed"}}',
    ),
}


@pytest.mark.parametrize(("text", "cleaned"), LOOKS_SECRET.values(), ids=LOOKS_SECRET)
def test_what_looks_like_a_secret_is_removed(text, cleaned):
    """Secrets of somebody else are known by their looks; their names stay."""
    assert Redactor()(text) == cleaned
    assert Redactor({"Authorization": f"User {USER}"})(text) == cleaned


INNOCENT = [
    "Basic authentication failed",
    "Bearer authentication is required",
    "token: invalid",
    "Invalid token: expired or revoked",
    "The user secret, organization secret and element token",
    "An invalid element token, user secret and/or org secret provided.",
    "User 12345 not found",
    "User not found, Organization missing",
    "Element instance 123456 is disabled",
    "Record locked, user 0055f00000ABCdeAAX",
    "Error in row 3, element lineItem2Qty: must be a number",
    "Project p1, organization Acme2024Holding not found",
    "Parse error near token: address2",
    'Syntax error on token "addressLine2", delete this token',
    "npm_package_version=1.2.3 is not npm_config_registry's",
    "SG.Crm.ContactNotFoundException: 17, glsa_monthly_report, ghs_status_2024_check",
    "Basic Operations are not enabled: upgrade from Basic Options to Pro",
    "client.key: ENOENT2x no such file",
    "HMAC key: sha512",
    "User 0055f00000ABCdeAAX is locked",
    '<label for="password" class="l">Password of your account</label>',
    '<div id="session" class="alert">Maintenance until 05:00 UTC</div>',
    '<input type="password" name="pw"> Remember me',
    '<error field="password" code="E17">Strength is too low</error>',
    '{"errors": {"password": ["uppercase", "previously_used"]}}',
    "No account found with ID 5b0437c6e4b07731ae39b533",
    "password: too short",
    "key=value; errorCode=003100",
    "100 % of /elements/api-v2/hubs/crm",
    r"C:\users\x & <b>&amp;</b> %41 \u0041",
    "Größe 東京 😀 \ud800",
    "",
]


@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_text_stays(text):
    """Text about secrets is no secret, with a request at hand or without."""
    headers, url, _secrets = REQUESTS["three-secrets"]
    for redact in (Redactor(), Redactor(headers, url)):
        assert redact(text) == text
        assert redact(text, cut=True) == text


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["id"])
def test_recorded_bodies_stay(case):
    """No recorded body is changed on its way through any request's redaction."""
    for headers, url, _secrets in REQUESTS.values():
        assert Redactor(headers, url)(case["body"], cut=True) == case["body"]


def test_words_of_the_request_that_are_no_secrets_stay():
    """Schemes, names, and the public parts of Digest are no secrets."""
    redact = Redactor(
        {
            "Authorization": 'Negotiate username="jane" realm="contacts", qop=auth',
            "Accept": "application/json",
            "Cookie": "consent=true; lang=en",
        },
        f"{BASE}?where=name",
    )
    text = "Negotiate jane contacts auth username application/json true en name"
    assert redact(text) == text


def test_empty_request():
    """A request that says nothing has no secrets."""
    assert Redactor({"Authorization": "", "Cookie": "a; b="}, "")("text") == "text"


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://[x]/?token=abcdefgh", "::", "/"]
)
def test_url_that_cannot_be_parsed(url):
    """A URL that is none has no secrets, and no error."""
    assert Redactor(None, url)("text") == "text"
    assert "abcdefgh" not in clean_url(url)


@pytest.mark.parametrize(
    ("login", "cut"),
    [(b"ada:Sommer24\n", 0), (b"ada:Sommer24\r\n", 0), (b"ada:Pas4", 1)],
)
def test_a_basic_credential_that_was_made_by_hand(login, cut):
    """By ``echo ada:Sommer24 | base64``, or without its padding."""
    token = base64.b64encode(login).decode()
    redact = Redactor({"Authorization": f"Basic {token[: len(token) - cut]}"})
    password = login.partition(b":")[2].decode().strip()
    assert redact(f"login of ada with {password}") == f"login of ada with {REDACTED}"


@pytest.mark.parametrize(
    ("token", "text"),
    [
        ("bm9jb2xvbg==", "nocolon"),
        ("/////w==", "\xff\xff\xff\xff"),
        ("AToBAQEB", "\x01\x01\x01\x01"),
    ],
    ids=["no-colon", "no-text", "not-printable"],
)
def test_token_that_is_no_basic_credential(token, text):
    """A token that happens to be base64 is itself the secret, and nothing else."""
    redact = Redactor({"Authorization": f"Basic {token}"})
    assert redact(text) == text
    assert redact(token).startswith(REDACTED)


def test_half_a_character_is_not_found_in_another():
    """A secret that unescapes to half a character leaves whole ones alone."""
    redact = Redactor(None, f"{BASE}?token=%25A9abcdefgh")
    assert redact("éabcdefgh %41") == "éabcdefgh %41"
    assert redact("%A9abcdefgh") == REDACTED


def test_a_secret_that_contains_another():
    """The longer one is taken out first."""
    redact = Redactor(None, f"{BASE}?token=abcdefghijkl&apiKey=cdefghij")
    assert redact("-abcdefghijkl- cdefghij") == f"-{REDACTED}- {REDACTED}"


def test_fields_of_json():
    """Names and values are cleaned at all depths, and types stay."""
    redact = Redactor(None, f"{BASE}?token={ORGANIZATION}&pin=123456")
    fields = {
        ORGANIZATION: 1,
        "list": [ORGANIZATION, {"deep": {ORGANIZATION: [f"a {ORGANIZATION}"]}}],
        "apiSecret": "anything",
        "secretCount": 3,
        "session": {"id": "x"},
        "pin": 123456,
        "n": [None, True, 1.5, 1234567],
    }
    assert _details(fields, redact) == {
        REDACTED: 1,
        "list": [REDACTED, {"deep": {REDACTED: [f"a {REDACTED}"]}}],
        "apiSecret": REDACTED,
        "secretCount": 3,
        "session": {"id": "x"},
        "pin": REDACTED,
        "n": [None, True, 1.5, 1234567],
    }


@pytest.mark.parametrize("indent", [None, 1])
def test_numbers_that_are_secrets(indent):
    """They become strings, so that the other fields can be read."""
    redact = Redactor(None, f"{BASE}?pin=123456")
    said = 'no "user" [123456, 7]'
    fields = {"a": [[123456, 7], 123456], "b": said, "c": {"d": 123456}}
    body = json.dumps(fields, indent=indent)
    assert ErrorPayload({}, body.encode(), redact).details == {
        "a": [[REDACTED, 7], REDACTED],
        "b": said.replace("123456", REDACTED),
        "c": {"d": REDACTED},
    }


# The error as a whole.


def _response(headers, url, body, *, status=502, reason="", answer_headers=()):
    request = requests.PreparedRequest()
    request.method = "GET"
    request.url = url
    request.headers = CaseInsensitiveDict(headers)
    response = requests.Response()
    response.status_code = status
    response.reason = reason
    response.url = url
    response.request = request
    response.headers.update(dict(answer_headers))
    response._content = body
    return response


def _everything(error):
    """Yield all text that may leave the process with an error."""
    yield str(error)
    yield repr(error)
    yield from error_notes(error)
    yield "".join(traceback.format_exception(error))
    yield json.dumps(error.to_dict(), ensure_ascii=False)
    yield repr(error.__dict__ | {"response": None, "request": None})
    yield repr(error.attempts)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        pickled = pickle.dumps(error, protocol)
        yield pickled.decode("latin-1")
        yield pickled.decode("utf-8", "replace")
        copied = pickle.loads(pickled)
        yield repr(copied.__dict__)
        yield repr((copied.request.__dict__, copied.response.__dict__))
        yield copied.response.text


def _echo(echoed):
    return json.dumps(
        {
            "message": f"you sent {echoed} to us",
            "requestId": echoed,
            "providerMessage": f"bad {echoed}",
            "providerErrorCode": echoed,
            "request": {"headers": [{"value": echoed, f"x {echoed}": 1}]},
            f"key {echoed}": True,
        }
    ).encode()


ECHOES = ["raw", "percent", "json", "url-safe-base64"]


@pytest.mark.parametrize("escape", ECHOES)
@pytest.mark.parametrize("status", [409, 418])
@pytest.mark.parametrize(("headers", "url", "secrets"), REQUESTS.values(), ids=REQUESTS)
def test_no_secret_in_any_part_of_an_error(headers, url, secrets, escape, status):
    """An answer that echoes a secret everywhere makes an error without it."""
    for secret in secrets:
        echoed = ESCAPES[escape](secret)
        in_header = echoed.encode("ascii", "backslashreplace").decode()
        answer = {
            "Elements-Request-Id": in_header,
            "X-Echo": in_header,
            f"X-{in_header}": "1",
            "Set-Cookie": f"a={in_header}",
        }
        response = _response(
            headers,
            url,
            _echo(echoed),
            status=status,
            reason=f"No {echoed}",
            answer_headers=answer,
        )
        error = error_from_response(response)
        forms = {secret, echoed, json.dumps(echoed)[1:-1], repr(echoed)[1:-1]}
        for text in _everything(error):
            assert [form for form in forms if form in text] == []
        assert error.response is response
        assert echoed in json.loads(response.text)["message"]
        assert error.request.headers == CaseInsensitiveDict(headers)


@pytest.mark.parametrize("kept", [4, 8, 12, 20])
def test_no_secret_that_the_bound_has_cut(kept):
    """A secret that stands across the end of 64 KiB is removed, also in details."""
    headers, url, (secret, *_) = REQUESTS["three-secrets"]
    for start in (b'{"message": "', b'{"info": "', b'{"providerMessage": "', b"<p>"):
        filler = b" " * (64 * 1024 - len(start) - kept)
        body = start + filler + secret.encode() + b'"}'
        error = error_from_response(_response(headers, url, body))
        assert error.truncated is True
        assert error.text.endswith(REDACTED)
        for text in _everything(error):
            assert secret[:kept] not in text


def test_a_short_secret_in_a_header_and_in_a_longer_word_of_the_body():
    headers = {"Elements-Request-Id": "p4ss"}
    error = error_from_parts(400, b"xp4ssx", headers, url="http://user:p4ss@h/")
    assert (error.request_id, error.text) == ("[redacted]", "xp4ssx")


def test_no_secret_of_a_url_given_to_error_from_parts():
    """Also without a response, what the URL holds is kept out of the error."""
    url = f"https://jane:{ORGANIZATION}@example.com/{ELEMENT}?token={quote(ELEMENT)}"
    error = error_from_parts(400, _echo(ORGANIZATION + ELEMENT), method="GET", url=url)
    assert error.url == f"https://example.com/{REDACTED}"
    for text in (str(error), repr(error.to_dict()), repr(pickle.dumps(error))):
        assert ORGANIZATION not in text
        assert ELEMENT.strip("=") not in text


def test_text_that_is_safe_to_print():
    """Line and notes are escaped; the attributes keep the exact text."""
    nasty = "one\ntwo\x1b[2J \u202ereversed\u2069"
    body = json.dumps({"message": nasty, "providerMessage": nasty, "requestId": nasty})
    error = error_from_parts(418, body, method="GET", url=f"http://h/{nasty}")
    assert error.message == error.provider_message == error.request_id == nasty
    shown = [str(error), *error_notes(error)]
    assert all(line.isprintable() for line in shown)
    assert r"one\ntwo\x1b[2J \u202ereversed\u2069" in str(error)


def test_notes_are_safe_to_print():
    """What the attempts say is escaped in the notes."""
    earlier = (Attempt(1, 502, "a\nb", "c\x1b[0m"), Attempt(2, error="d\r"))
    payload = ErrorPayload({}, b"", Redactor())
    error = error_from_payload(502, payload, earlier=earlier)
    assert all(note.isprintable() for note in error_notes(error))


def test_no_secret_in_the_notes_of_a_retried_error():
    """The provider's words in the last attempt are the redacted ones."""
    headers, url, (secret, *_) = REQUESTS["three-secrets"]
    payload = ErrorPayload({}, _echo(secret), Redactor(headers, url))
    error = error_from_payload(502, payload, earlier=(Attempt(1, 502),))
    assert error.attempts[-1].provider_message == f"bad {REDACTED}"
    assert not any(secret in note for note in error_notes(error))


@pytest.mark.parametrize(
    ("provided", "shown"),
    [
        ("<html><p>No user abc12345<b>def67890</b></p>", "No user [redacted]"),
        ("<p>No user abc12345<br>def67890</p>", None),
        (
            r'{"error": "no user abc1234\u0035def67890"}',
            '{"error": "no user [redacted]"}',
        ),
        ("No user abc12345&#100;ef67890", "No user [redacted]"),
        ("<p>No user <b>ada</b></p>", None),
    ],
    ids=["tags", "lines of a page", "JSON", "reference", "no secret"],
)
def test_a_secret_that_is_cut_by_markup(provided, shown):
    """The provider's text is shown without its markup if that cuts a secret."""
    body = json.dumps({"providerMessage": provided})
    sent = {"Authorization": "Bearer abc12345def67890"}
    error = error_from_parts(401, body, request_headers=sent)
    assert error.provider_message == (shown or provided)
    assert error.attempts[-1].provider_message == error.provider_message
    assert "abc12345def67890" not in str(error)


def _deeper(text: str, times: int) -> str:
    for _ in range(times):
        text = json.dumps(text)[1:-1]
    return text


MIXED = {
    "JSON within JSON": lambda text: _deeper(text, 2),
    "three times JSON": lambda text: _deeper(text, 3),
    "four times JSON": lambda text: _deeper(text, 4),
    "HTML in a URL": lambda text: quote(html.escape(text), safe=""),
    "JSON in HTML": lambda text: html.escape(_deeper(text, 1)),
    "HTML twice": lambda text: html.escape(html.escape(text)),
    "HTML, escaped by Go": lambda text: html.escape(text).replace("&", "\\u0026"),
    "a URL three times": lambda text: quote(quote(quote(text, safe=""), safe="")),
    "a URL in JSON": lambda text: _deeper(quote(text, safe=""), 1),
}


@pytest.mark.parametrize("escape", MIXED.values(), ids=MIXED)
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"password":"hunt3r22","user":"ada"}', '{"password":"","user":"ada"}'),
        ("<secret>hunt3r22</secret>", "<secret></secret>"),
        ("api_key=hunt3r22&user=ada", "api_key=&user=ada"),
        ("at https://ada:hunt3r22@host.example/", "at https://ada:@host.example/"),
    ],
    ids=["JSON", "XML", "form", "login"],
)
def test_a_secret_of_somebody_else_that_is_escaped(text, shown, escape):
    """Its name and its signs are escaped, too."""
    if escape(text) != text:
        redacted = Redactor()(f"{escape(text)} is no key")
        assert redacted.replace(REDACTED, "") == f"{escape(shown)} is no key"


@pytest.mark.parametrize(
    ("secret", "echo", "is_hidden"),
    [
        ("6F9619FF-8B86-D011-B42D", "6f9619ff-8b86-d011-b42d", True),
        ("qA7zQ1pL", "QA7ZQ1PL", True),
        ("İx7zQ1pLm", "ix7zq1plm", True),
        ("Contacts", "contacts", False),
        ("Contacts", "Contacts", True),
    ],
)
def test_a_secret_in_other_letters(secret, echo, is_hidden):
    """A server may write a GUID in its own way; a word is another one then."""
    redact = Redactor({"X-Api-Key": secret, "Authorization": f"Bearer {secret}"})
    shown = REDACTED if is_hidden else echo
    assert redact(f"İ: no {echo} found") == f"İ: no {shown} found"


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("https://h/a;jsessionid=Zx9Yw8Vu7?page=1", "Zx9Yw8Vu7"),
        ("https://h/a;v=1;token=Zx9Yw8Vu7/b", "Zx9Yw8Vu7/b"),
        ("https://h/a?page=1;token=Zx9Yw8Vu7;size=3", "Zx9Yw8Vu7"),
        ("https://h/a?token=Zx9;Yw8?Vu7&page=1", "Zx9;Yw8?Vu7"),
    ],
)
def test_a_secret_in_a_parameter_of_the_path(url, secret):
    """Servers of Java and Perl take a semicolon for an ampersand."""
    redact = Redactor({}, url)
    assert redact(f"bad {secret}, page=1, size=3") == f"bad {REDACTED}, page=1, size=3"


@pytest.mark.parametrize("escape", MIXED.values(), ids=MIXED)
def test_a_secret_that_several_servers_have_escaped(escape):
    """Each layer may be another one."""
    secret = 'hun"ter+99/x&y<'
    redact = Redactor({"Authorization": f"Bearer {secret}"})
    assert redact(f"no {escape(secret)} here") == f"no {REDACTED} here"


@pytest.mark.parametrize(
    "text",
    [
        "no user trail22%5C",
        '{"a":"trail22%5C"}',
        r"trail22\u005c, trail22\u005C",
        r"{\"a\":\"trail22\\\"}",
        "trail22\\\nand more",
    ],
)
def test_a_secret_that_ends_in_a_backslash(text):
    """Its last character is taken for an escape of the character after it."""
    redact = Redactor({"Authorization": "Bearer trail22\\"})
    assert "trail22" not in redact(text)


def test_only_backslashes_are_taken_from_the_end_of_a_secret():
    """What is left is searched for, unless it is too short to be a secret."""
    redact = Redactor({"Authorization": "Bearer trail2XX"})
    assert redact("trail2 and trail2XX") == f"trail2 and {REDACTED}"
    redact = Redactor({"Authorization": "Bearer tr4l\\"})
    assert "tr4l" not in redact('{"a":"tr4l%5C"}')
    redact = Redactor({"Authorization": "Bearer tr4\\"})
    assert redact("tr4 and tr4\\") == f"tr4 and {REDACTED}"


def test_a_secret_of_backslashes():
    """There is nothing else to look for, and other texts stay."""
    redact = Redactor({"Authorization": "Bearer " + "\\" * 9})
    assert redact("C: is a drive") == "C: is a drive"
    assert redact("\\" * 9) == REDACTED


def test_the_url_of_a_cut_body_is_not_cut():
    """Only the body lacks its end, which may be the start of a secret."""
    url = "https://h/contacts"
    cookie = {"Cookie": "id=contacts-1234"}
    error = error_from_parts(502, b"x" * 70_000, url=url, request_headers=cookie)
    assert (error.truncated, error.url) == (True, url)


HOSTILE = {
    "backslashes": "\\",
    "percents": "%",
    "percent-25": "%25",
    "percent-2525": "%2525",
    "ampersands": "&",
    "amps": "&amp;",
    "half-entities": "&#0",
    "codes": "\\u0061",
    "surrogates": "\\ud83d\\ude00",
    "spaces": " ",
    "digits": "1",
    "letters": "a",
    "user": "user ",
    "user-with-name": "user aaaa1aaa ",
    "user-with-comma": "user aaaa1aaa, ",
    "bearer": "bearer ",
    "password": "password",
    "password-equals": "password=",
    "password-quote": "password\\\"'\\ = ",
    "token": "token  :",
    "beginning-of-a-secret": USER[:12],
    "secret": USER,
    "names": "otp:",
    "names of headers": "authorization:",
    "names of headers and a value": "authorization:a=b",
    "options": " --a",
    "attributes": "token a='b' ",
    "base64": base64.b64encode(USER.encode()).decode(),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_takes_no_time(unit, cut):
    """64 KiB of anything are cleaned in time proportional to their length."""
    headers, _url, _secrets = REQUESTS["three-secrets"]
    redact = Redactor(headers | {"Cookie": f"s={'a1' * 300}"}, f"{BASE}?code=aaaa")
    text = unit * (64 * 1024 // len(unit))
    assert USER not in redact(text, cut=cut)


@pytest.mark.timeout(10)
def test_long_secret_takes_no_time():
    """A token of 64 KiB is looked for as quickly as a short one."""
    secret = "eyJhbGciOiJIUzI1NiJ9" * 3300
    redact = Redactor({"Authorization": f"Bearer {secret}"})
    assert redact(f"x {secret} y") == f"x {REDACTED} y"
    assert redact(f"x {secret[:60_000]}", cut=True) == f"x {REDACTED}"


def test_a_secret_in_the_path_of_the_url():
    """The URL is searched for the secrets of the headers, even if the body is clean."""
    error = error_from_parts(
        409,
        b"{}",
        url="https://api.example/keys/swordfishes",
        request_headers={"X-Api-Key": "swordfishes"},
    )
    assert error.url == "https://api.example/keys/[redacted]"


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("s3cretlong", "s3cret", "[redacted]"),
        ("abcdabcdwxyz", "key abcdabcd", "key [redacted]"),
        ("abcdabcdwxyz1234", "abcdQ abcdabcd", "abcdQ [redacted]"),
    ],
    ids=["whole text", "longest", "after a false start"],
)
def test_the_beginning_of_a_secret_where_a_text_is_cut(secret, text, shown):
    """The longest beginning of a secret at the end of a cut text is taken out."""
    redact = Redactor({"Authorization": f"Bearer {secret}"})
    assert redact(text, cut=True) == shown


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("pa55", "xpa55", "xpa55"),
        ("pa55", "pa55 word", "[redacted] word"),
        ("abcd1234", "xabcd1234y", "x[redacted]y"),
        ("abcd1234", "abcd1234abcd1234", "[redacted][redacted]"),
        ("abcd1234", "ends in abcd1234", "ends in [redacted]"),
    ],
    ids=["in a word", "short word", "eight characters", "twice", "at the end"],
)
def test_where_a_secret_stands(secret, text, shown):
    """Only a secret of less than eight characters has to be a word of its own."""
    assert Redactor({"X-Secret": secret})(text) == shown


def test_a_cut_body_may_hold_a_cut_secret():
    """The fields of a cut body are cleaned like its text."""
    redact = Redactor({"Authorization": "Bearer abcdef123456"})
    body = b'{"a": "x", "b": "x abcdef1'
    for cut, shown in ((True, "x [redacted]"), (False, "x abcdef1")):
        payload = ErrorPayload({}, body, redact, cut=cut)
        assert payload.details == {"a": "x", "b": shown}


def test_a_lone_surrogate_beside_a_secret():
    """What no encoding allows is no reason to show a secret."""
    redact = Redactor({"Authorization": "Bearer s3cretlong"})
    assert redact("\ud800 s3cretlong") == "\ud800 [redacted]"


def test_a_header_in_utf_8():
    """requests sends bytes as they are; the server may read them in either way."""
    redact = Redactor({"X-Api-Key": "pässword1".encode()})
    assert redact("a pässword1") == "a [redacted]"
    assert redact("a pässword1".encode().decode("latin-1")) == "a [redacted]"
    assert Redactor({"X-Api-Key": b"p\xe4ssword1"})("a pässword1") == "a [redacted]"


def test_what_is_no_base64_has_no_user_and_password():
    """Nothing is decoded that would hide words."""
    redact = Redactor({"Authorization": "Basic dXNlcjpw!YXNzd29yZA=="})
    assert redact("user unknown") == "user unknown"


@pytest.mark.parametrize(
    ("cookie", "value"),
    [
        ('a="quoted12"', "quoted12"),
        ("sid=abc12345=def67890", "abc12345=def67890"),
        ("session=Xabcdefgh", "Xabcdefgh"),
        ("a=exactly8", "exactly8"),
    ],
)
def test_values_of_cookies(cookie, value):
    """A cookie's value is taken out whole, without its quotes."""
    assert Redactor({"Cookie": cookie})(f"<{value}>") == "<[redacted]>"


@pytest.mark.parametrize("part", ["reason", "request id"])
def test_a_secret_outside_of_a_clean_body(part):
    """A body without secrets says nothing of the headers and the reason."""
    sent = {"Authorization": "Bearer s3cret-token"}
    made = _response(sent, "https://api.example/", b'{"message": "exists"}', status=418)
    if part == "reason":
        made.reason = "s3cret-token"
    else:
        made.headers["Elements-Request-Id"] = "s3cret-token"
    error = error_from_response(made)
    assert "[redacted]" in str(error)
    assert "s3cret" not in str(error) + str(error.to_dict())


def test_two_lines_of_cookies():
    """urllib3 joins lines of one name, so each is looked at alone."""
    headers = urllib3.HTTPHeaderDict(
        [("Cookie", "a=s3cret-one"), ("Cookie", "b=s3cret-two")]
    )
    redact = Redactor(headers)
    assert redact("s3cret-one, s3cret-two") == "[redacted], [redacted]"


@pytest.mark.parametrize(
    ("header", "value", "text"),
    [
        ("X-Secret", "ApiKey=abcdefgh1", "abcdefgh1"),
        ("Authorization", "Basic dTpwdw==", "dTpwdw=="),
        ("Authorization", "Basic YWRtaW51c2VyOnB3MTI=", "pw12"),
        ("Authorization", "Basic YWRhOmZvcmJpZGRlbg==", "forbidden"),
    ],
)
def test_parts_of_a_header(header, value, text):
    """The parts of a pair, and of a user and password in base64, are secrets."""
    assert Redactor({header: value})(f"<{text}>") == "<[redacted]>"


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({"Authorization": "Basic Y29udGFjdHM6"}, "No contacts found"),
        ({"X-Api-Key": "a1%20"}, "plan a1 is full"),
    ],
    ids=["a user alone", "three characters"],
)
def test_parts_of_a_header_that_are_no_secrets(headers, text):
    """A word as user name, and what is too short without its escapes."""
    assert Redactor(headers)(text) == text


NEVER_SENT = {
    "the end of a sentence": (
        "We got Bearer q1w2e3r4t5y6u7i8. Try again.",
        "We got Bearer [redacted]. Try again.",
    ),
    "a letter that is two in lower case": (
        "İİ: password=hunt3r22, user=ada",
        "İİ: password=[redacted], user=ada",
    ),
    "a list beside another": (
        '{"names": ["Ada King", 12345678], "api_keys": ["a1b2c3d4"]}',
        '{"names": ["Ada King", 12345678], "api_keys": ["[redacted]"]}',
    ),
    "a login in a URL within a URL": (
        "next=amqp%3A%2F%2Fada%3Ahunt3r22%40mq.example",
        "next=amqp%3A%2F%2Fada%3A[redacted]%40mq.example",
    ),
    "a quoted name of a secret": ("The secret 'production-database' is gone",) * 2,
    "a name after a colon": ("The secret: production_database",) * 2,
    "a name in an object of JavaScript": ("{'token': some_variable}",) * 2,
    "a tag within XML": (
        "<faultstring>&lt;password&gt;hunter2x&lt;/password&gt;</faultstring>",
        "<faultstring>&lt;password&gt;[redacted]&lt;/password&gt;</faultstring>",
    ),
    "a digest of WS-Security": (
        'PasswordDigest="aB3dEf9zQ1w=" is wrong',
        'PasswordDigest="[redacted]" is wrong',
    ),
    "a scheme": ("Authorization: OAuth2 required",) * 2,
    "a tag with attributes": (
        '<wsse:Password Type="https://x#PasswordText">hunter22x</wsse:Password>',
        '<wsse:Password Type="https://x#PasswordText">[redacted]</wsse:Password>',
    ),
    "lines of a tag": (
        "<password a='1'>\n  hunter22x\n</password>",
        "<password a='1'>\n  [redacted]\n</password>",
    ),
    "CDATA": (
        "<apiSecret><![CDATA[anything-goes]]></apiSecret>",
        "<apiSecret><![CDATA[[redacted]]]></apiSecret>",
    ),
    "an entry": (
        '<entry key="password">hunter22x</entry>',
        '<entry key="password">[redacted]</entry>',
    ),
    "name and value in tags": (
        '<add key="db.password" value="hunter22x"/>',
        '<add key="db.password" value="[redacted]"/>',
    ),
    "name and value in JSON": (
        '{"name": "password", "value": "letmein"}',
        '{"name": "password", "value": "[redacted]"}',
    ),
    "name and value in JSON in JSON": (
        r'"{\"name\":\"api_key\",\"value\":\"a1b2c3d4\"}"',
        r'"{\"name\":\"api_key\",\"value\":\"[redacted]\"}"',
    ),
    "name and value in a form": (
        "name=password&value=hunter22x&x=1",
        "name=password&value=[redacted]&x=1",
    ),
    "an assignment": ("password := letmein", "password := [redacted]"),
    "an option": ("run --password hunter22x -v", "run --password [redacted] -v"),
    "a longer option": ("--aws-secret-key a1b2c3d4e5", "--aws-secret-key [redacted]"),
    "an option of curl": ("curl -u ada:hunter22x x", "curl -u ada:[redacted] x"),
    "a quote in JSON": (
        r'{"m": "api key \"a1b2c3d4\" is bad"}',
        r'{"m": "api key \"[redacted]\" is bad"}',
    ),
    "a value with an equals sign": ("secret=a1b2=c3d4&x", "secret=[redacted]&x"),
    "a cookie": ("Cookie: id=a1b2c3d4e5; a=b", "Cookie: id=[redacted]; a=b"),
    "within an object": (
        '{"token": {"password": "letmein", "value": "a1b2c3d4e5"}}',
        '{"token": {"password": "[redacted]", "value": "[redacted]"}}',
    ),
    "by two names": (
        '{"token": {"password": "a1b2c3d4e5"}}',
        '{"token": {"password": "[redacted]"}}',
    ),
    "the last of three": (
        "Element Zx81+aQ/7w=, User u5kT+1xh/9q2LhT3mYw8Zs0bq1c=",
        "Element [redacted], User [redacted]",
    ),
}


@pytest.mark.parametrize(("text", "shown"), NEVER_SENT.values(), ids=NEVER_SENT)
def test_where_secrets_of_somebody_else_stand(text, shown):
    """The line, the text and the details agree on them."""
    assert Redactor()(text) == shown
    assert _details({"a": text}) == {"a": shown}


@pytest.mark.parametrize(
    "text",
    [
        "--password is required, --token must be set",
        "usage: curl -u user:password",
        "date -u 12:30",
        '<Password xsi:nil="true"/><a>letmein1</a>',
        "the token must be > 8characters",
        "user=jdoe4711x, user: jdoe4711x",
        "İ token, unexpected token: Order2024__c",
    ],
)
def test_what_stands_beside_the_name_of_a_secret(text):
    assert Redactor()(text) == text


def test_names_in_a_header_of_json():
    """Only its values are secrets."""
    sent = '{"Username": "ada", "Password":"d0cu-Pw", "IntegratorKey": "DOCU-1b2c"}'
    headers = {"X-DocuSign-Authentication": sent}
    text = '"X-DocuSign-Authentication": ada, IntegratorKey is no Password'
    assert Redactor(headers)(text) == text
    assert Redactor(headers)("d0cu-Pw DOCU-1b2c") == "[redacted] [redacted]"


@pytest.mark.parametrize("part", ["message"])
def test_a_secret_that_the_tags_of_a_page_cut(part):
    """Nobody can read it in the text, but without the tags anybody can."""
    page = "<html><body>Token s3cret<b>-17x</b> is bad</body></html>"
    headers = {"Authorization": "Bearer s3cret-17x"}
    error = error_from_parts(401, json.dumps({part: page}), request_headers=headers)
    assert "Token [redacted] is bad" in str(error)
    assert "s3cret-17x" not in str(error) + json.dumps(error.to_dict())
    other = error_from_parts(401, json.dumps({part: page}))
    assert part == "message" or other.provider_message == page


@pytest.mark.timeout(20)
@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("escape", ["raw", "percent", "html", "json-with-slashes"])
def test_many_secrets_in_a_long_text(escape, cut):
    """Each cookie is found, however many there are."""
    values = [f"aB3%2Bx{number:03}yZ9/+{number * 7919}" for number in range(200)]
    cookies = "; ".join(f"c{number}={one}" for number, one in enumerate(values))
    text = " and ".join(map(ESCAPES[escape], values * 10))
    shown = Redactor({"Cookie": cookies})(text, cut=cut)
    assert shown == " and ".join(["[redacted]"] * 2000)


@pytest.mark.parametrize(
    ("headers", "url", "echo"),
    [
        ({"X-Api-Key": "aB3[xY9]kL5"}, None, "aB3[xY9]kL5"),
        ({"X-Auth-Password": "hun{ter"}, None, "hun{ter"),
        ({"Session ID": "A1b2c3d4e5f6"}, None, "A1b2c3d4e5f6"),
        ({"Cookie": "a=Ab12Cd34Ef;b=Zz98Yy76Xx"}, None, "Zz98Yy76Xx"),
        (
            {"Authorization": "HMAC-SHA256 Credential=a&Signature=abcdEF1234567+/="},
            None,
            "abcdEF1234567+/=",
        ),
        ({}, f"{BASE}?auth[token]=AbCd1234Efgh", "AbCd1234Efgh"),
        ({}, f"{BASE}?auth%5Bapi_key%5D=AbCd1234Efgh", "AbCd1234Efgh"),
        ({"X-Api-Key": "Z/RHIX5Xcg0"}, None, r"Z\\/RHIX5Xcg0"),
        ({"X-Api-Key": "a&bC1234567"}, None, r"a\\u0026bC1234567"),
    ],
)
def test_where_a_request_holds_a_secret(headers, url, echo):
    """Brackets are part of it; `;` and `&` end it before a name."""
    assert Redactor(headers, url)(f"<{echo}>") == "<[redacted]>"


@pytest.mark.parametrize(
    "secret",
    [
        "npm_abcdefghijklmnop12",
        "xapp-1-A0123456-abcdef",
        "glptt-abcdef123456",
        "shpat_abcdef123456",
        "ghp_abcdefghijklmnop12",
        "github_pat_abcdefghijkl",
        "dop_v1_abcdef0123456789",
        "AIzaabcdefghijklmnop",
        "hvs.abcdefghijklmnop",
        "sk_live_abcdefghijkl",
        "ya29.abcdefghijklmnop",
        "eyJhbGciOiJI.eyJzdWIi",
    ],
)
def test_well_known_beginnings(secret):
    assert Redactor()(f"bad {secret} here") == "bad [redacted] here"


@pytest.mark.parametrize(
    "text",
    ["Bad token: 1234567", "Unknown session: 12345", "Invalid signature: 1234"],
)
def test_a_number_in_prose_is_no_secret(text):
    assert Redactor()(text) == text


UNTOUCHED = {
    "words with a hyphen and a space": ("your-api-key", "Please send your api key"),
    "a longer word": ("test-key", "See the latest-keys"),
    "a phrase": ("sales-force", "the sales force"),
    "a value that protects from CSRF": ("no-check", "no-check of it"),
    "a longer number": ("12345678", '{"id": 912345678}'),
}


@pytest.mark.parametrize(("secret", "text"), UNTOUCHED.values(), ids=UNTOUCHED)
def test_what_only_resembles_a_secret_stays(secret, text):
    """Without a digit and a letter, a secret has to stand alone."""
    assert Redactor({"X-Atlassian-Token": secret})(text) == text


AMBIGUOUS = {
    "an ampersand in HTML": ("Xy7/ab&cd", "p=Xy7/ab&amp;cd; x", "p=[redacted]; x"),
    "an ampersand in a URL": ("Xy7/ab&cd", "Xy7%2Fab%26cd; x", "[redacted]; x"),
    "a percent sign before it": ("ab12x", "?q=%25ab12x%25", "?q=%25[redacted]%25"),
    "a backslash before it": ("aB3dE5fG7hI9", r"ACME\aB3dE5fG7hI9", r"ACME\[redacted]"),
}


@pytest.mark.parametrize(("secret", "text", "shown"), AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_what_may_be_an_escape_or_not(secret, text, shown):
    """Each layer of escapes is searched, and the text as it is."""
    assert Redactor(None, f"https://h/?token={quote(secret, safe='')}")(text) == shown


ARRAYS = ["api_key[]", "token%5B%5D", "access_token[0]", "auth[token][]", "pw"]


@pytest.mark.parametrize("name", [*ARRAYS, "licensekey", "mfa_code"])
def test_names_of_parameters(name):
    """PHP and Rails write lists with brackets after the name."""
    redact = Redactor(None, f"https://h/x?{name}=aB3dE5fG7hI9")
    assert redact("no aB3dE5fG7hI9 here") == "no [redacted] here"


def test_keys_that_are_no_credentials():
    """A spaceKey names a space; what looks random is a secret."""
    redact = Redactor(None, "https://h/?spaceKey=MARKETING&writeKey=aB3dE5fG7hI9")
    assert redact("MARKETING, aB3dE5fG7hI9") == "MARKETING, [redacted]"


@pytest.mark.parametrize(
    "text",
    [
        "Authorization for acct_1032D82eZvKYlo2C has been revoked",
        '{"password":"WEAK_PASSWORD"}',
        '<a href="/password">Forgot your password?</a>',
        '<label for="password">Password is required here</label>',
        '<div class="reset-password">Contact your administrator</div>',
    ],
)
def test_words_after_the_name_of_a_secret(text):
    """An id, a code, or the text of a link is no secret."""
    assert Redactor()(text) == text


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "text",
    [
        *("authorization-" * 4650, "eyJaaaaaaaa-" * 5400, "pin:(" * 80_000),
        "basic a" + "=" * 65000 + '"a',
    ],
)
def test_repetitions_of_what_begins_a_secret(text):
    """They take time in proportion to their length."""
    assert Redactor()(text)


def test_a_part_of_a_signature_that_is_repeated_alone():
    """A header may have a key, a nonce and a signature."""
    redact = Redactor({"Authorization": "acx AKpub:nonce:SIGabc123="})
    assert redact("SIGabc123= is wrong") == "[redacted] is wrong"


@pytest.mark.timeout(10)
def test_a_cut_text_of_what_begins_a_long_secret():
    """Each place may be the start of the secret, and no place takes long."""
    sent = {"Authorization": "Negotiate " + "A" * 7000 + "xY9z"}
    error = error_from_parts(400, "A" * 70000, request_headers=sent)
    assert len(error.text) < 64 * 1024


@pytest.mark.parametrize(
    "field",
    [
        "send api_key=",
        "it's token='abc12345 or",
        "token='abc12345",
        "secret 'x",
        "-----BEGIN PRIVATE KEY-----",
        'curl -u ada:hunt3r22" failed',
        "use --token ",
    ],
)
def test_a_value_ends_where_its_text_ends(field):
    """What looks like the start of a value does not reach into the next field."""
    others = {"n": [-1, 2.5], "x": {"a": "b"}, "hint": field, "more": {"y": "it's 'y'"}}
    body = json.dumps(others | {"message": "no key"})
    for text in (body, body.replace(", ", ",").replace(": ", ":")):
        payload = ErrorPayload({}, text.encode(), Redactor())
        details = payload.details
        assert payload.message == "no key"
        assert details == others | {"hint": details["hint"]}


@pytest.mark.parametrize(
    "body",
    [
        '{"pin" : 471108, "amount" : 12.5}',
        '{\n  "pin" : 471108,\n  "amount" : 12.5\n}',
        '{"amount": 12.5, "ok": [false, 471108, null], "pins": [471108]}',
        '{"amount": 12.5, "total": 471108.5, "left": -471108, "part": 0.471108}',
    ],
    ids=["space", "lines", "words and numbers", "parts of numbers"],
)
@pytest.mark.parametrize("password", ["471108", "false", "null"])
def test_json_stays_json(body, password):
    """A number and a word of JSON become strings; parts of numbers are no secrets."""
    redact = Redactor(None, f"https://ada:{password}@h/")
    payload = ErrorPayload({}, body.encode(), redact)
    fields = json.loads(body)
    assert payload.details["amount"] == 12.5
    assert payload.details.keys() == fields.keys()
    assert password not in re.sub(r"[-.]?471108\.5|[-.]471108", "", payload.text)


@pytest.mark.parametrize(
    "text",
    [
        "no access to arn:aws:secretsmanager:eu-1:123456789012:secret:crm-a1b2c3",
        "Authorization: AWS4-HMAC-SHA256 required",
        "host;x-amz-security-token\ne3b0c44298fc1c149afbf4c8996fb924",
        '{"errors":{"password":"blacklisted","token":"malformed","pin":"not_listed"}}',
        '{"message": "refresh the token\\n8a1f3c1e-77aa-4ac1 is the request"}',
    ],
)
def test_what_only_looks_like_a_secret_stays(text):
    assert Redactor()(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://x-access-token:ghs_q7@git.example/acme/r.git/", "ghs_q7"),
        ("https://gitlab-ci-token:q7xW99zz@git.example:8080/r", "q7xW99zz"),
        ("invalid JWE eyJhbGciOiJkaXIi..48V1_ALb6.5eym8.XFBoM", None),
        ("map[Accept:[*/*] X-Api-Key:[17abc28def39gh]]", "17abc28def39gh"),
        ('["api_key"]=> string(12) "17abc28def39"', "17abc28def39"),
        ("SMTP_PASS=17abc28d", "17abc28d"),
        ("SG.TwL2iGABf9.tAmbihYzrnopKc1s5cr", "SG.TwL2iGABf9.tAmbihYzrnopKc1s5cr"),
    ],
)
def test_secrets_of_somebody_else_in_other_shapes(text, shown):
    """What stands around them is shown."""
    secret = shown or text.removeprefix("invalid JWE ")
    assert Redactor()(text) == text.replace(secret, REDACTED)


def test_the_parts_of_a_pair():
    """A part that looks random is a secret, and the rest as a whole, too."""
    redact = Redactor({"X-Api-Key": "k9Xw27bQfTz4:x1:yz"})
    assert redact("no k9Xw27bQfTz4, x1:yz") == f"no {REDACTED}, {REDACTED}"


def test_a_user_name_beside_a_password():
    """It is shown, whatever it looks like."""
    redact = Redactor(None, "https://k9Xw27bQfTz4:pa55word@h/")
    assert redact("k9Xw27bQfTz4, pa55word") == f"k9Xw27bQfTz4, {REDACTED}"
    redact = Redactor(None, "https://k9Xw27bQfTz4:@h/")
    assert redact("k9Xw27bQfTz4") == REDACTED


def test_what_is_left_of_a_secret_may_be_too_short():
    """Without its end, this one has two characters, and is not searched for."""
    redact = Redactor(None, f"{BASE}?code=x7%3D%3D")
    assert redact("a - x7 - x7== b") == f"a - x7 - {REDACTED} b"


@pytest.mark.parametrize(
    "text",
    ['token: "organizationLevel"', '{"token": {"reason": "somethinglong"}}'],
    ids=["after a colon", "in an object"],
)
def test_a_word_beside_a_name_that_may_be_no_value(text):
    """There, only what looks random is a secret."""
    assert Redactor()(text) == text
    secret = text.replace("organizationLevel", "k9Xw27bQfTz4")
    secret = secret.replace("somethinglong", "k9Xw27bQfTz4")
    assert Redactor()(secret) == secret.replace("k9Xw27bQfTz4", REDACTED)


def test_a_secret_that_is_cut_by_markup_and_by_the_end():
    """What the line shows ends with a part of it."""
    body = b'{"providerMessage": "<html><p>No user abc12345<b>def6'
    redact = Redactor({"Authorization": "Bearer abc12345def67890"})
    payload = ErrorPayload({}, body, redact, cut=True)
    assert payload.provider_message == "No user [redacted]"


@pytest.mark.parametrize("letter", ["\u0130", "\u212a", "\u017f"])
def test_a_letter_whose_lower_case_is_another(letter):
    """The dotted I, the Kelvin sign and the long s may come back as an escape."""
    secret = f"000{letter}0000"
    redact = Redactor(None, f"https://ada:{quote(secret)}@h/")
    assert redact(json.dumps(f"no {secret}!")) == f'"no {REDACTED}!"'
