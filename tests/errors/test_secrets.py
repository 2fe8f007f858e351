"""Which names and values of real services count as secrets."""

from __future__ import annotations

import gc
import json
import pickle
import re

import pytest
import requests

from cloud_elements_errors import (
    UnlistedStatusError,
    error_from_parts,
    raise_for_error,
)
from cloud_elements_errors._errors.redaction import REDACTED, Redactor
from cloud_elements_errors._urls import origin_of

VALUE = "k9Xw27bQ-fTz4"

SECRET_HEADERS = [
    "Authorization",
    "Proxy-Authorization",
    "X-Authorization",
    "Authentication",
    "X-Amz-Security-Token",
    "X-Goog-Iam-Authorization-Token",
    "x-vendor-authorization",
    "X-Api-Key",
    "Api-Key",
    "apikey",
    "X-ApiKey",
    "DD-API-KEY",
    "DD-APPLICATION-KEY",
    "X-Auth-Key",
    "X-Auth-Token",
    "X-ClickHouse-Key",
    "X-Consumer-Key",
    "X-Vault-Token",
    "PRIVATE-TOKEN",
    "JOB-TOKEN",
    "Deploy-Token",
    "Circle-Token",
    "X-Shopify-Access-Token",
    "X-Figma-Token",
    "X-Parse-REST-API-Key",
    "X-Parse-Master-Key",
    "X-Algolia-API-Key",
    "Ocp-Apim-Subscription-Key",
    "X-Functions-Key",
    "X-Redmine-API-Key",
    "X-Postmark-Server-Token",
    "X-Plex-Token",
    "X-TrackerToken",
    "X-Insert-Key",
    "X-Query-Key",
    "X-License-Key",
    "X-RapidAPI-Key",
    "X-Mashape-Key",
    "X-Appwrite-Key",
    "X-MBX-APIKEY",
    "X-Aio-Key",
    "CB-ACCESS-KEY",
    "CB-ACCESS-SIGN",
    "CB-ACCESS-PASSPHRASE",
    "X-BAPI-SIGN",
    "X-Api-Secret",
    "X-Session-Token",
    "X-Session-Id",
    "X-CSRF-Token",
    "X-XSRF-TOKEN",
    "X-JWT-Assertion",
    "PayPal-Auth-Assertion",
    "X-Tableau-Auth",
    "X-ZUMO-AUTH",
    "X-MicroStrategy-AuthToken",
    "WM_SEC.ACCESS_TOKEN",
    "X-Hub-Signature-256",
    "X-Slack-Signature",
    "X-Shopify-Hmac-Sha256",
    "X-Password",
    "DB-Password",
    "X-GitHub-OTP",
    "AccessKey",
    "X-Cisco-Meraki-API-Key",
    "Token",
    "Cookie",
    "X-Storefront-Access-Token",
    "X-Riot-Token",
    "X-User-Token",
    "X-Rollbar-Access-Token",
]

SECRET_PARAMETERS = [
    "access_token",
    "refresh_token",
    "id_token",
    "token",
    "apiKey",
    "api_key",
    "apiSecret",
    "apikey",
    "hapikey",
    "app_key",
    "appKey",
    "user_key",
    "key",
    "client_secret",
    "clientSecret",
    "code",
    "auth",
    "sig",
    "signature",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
    "X-Goog-Signature",
    "oauth_token",
    "oauth_signature",
    "client_assertion",
    "SAMLResponse",
    "code_verifier",
    "device_code",
    "password",
    "passwd",
    "pwd",
    "pass",
    "passphrase",
    "otp",
    "pin",
    "jwt",
    "session",
    "sessionId",
    "sid",
    "jsessionid",
    "hmac",
    "sign",
    "ticket",
    "auth_code",
    "subscription-key",
    "secretAccessKey",
    "sharedSecret",
    "webhook_secret",
    "credential",
]

SECRET_FIELDS = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "old_password",
    "newPassword",
    "password2",
    "secret",
    "apiSecret",
    "client_secret",
    "clientSecret",
    "token",
    "accessToken",
    "access_token",
    "refresh_token",
    "idToken",
    "sessionToken",
    "authToken",
    "deviceToken",
    "api_key",
    "apiKey",
    "apikey",
    "accountKey",
    "secretKey",
    "SecretAccessKey",
    "privateKey",
    "private_key",
    "sharedKey",
    "sessionId",
    "session_id",
    "JSESSIONID",
    "PHPSESSID",
    "cookie",
    "authorization",
    "signature",
    "jwt",
    "assertion",
    "credentials",
    "secrets",
    "oauth.api.secret",
    "oauth.api.key",
    "signing_key",
    "password_confirmation",
    "dbPass",
    "user.password",
    "masterKey",
    "consumerKey",
    "consumer_secret",
    "appKey",
    "application_key",
    "encryptionKey",
    "pin",
    "otp",
    "api_keys",
    "access_tokens",
    "proxy-authorization",
]

PUBLIC = {
    "X-RateLimit-Remaining-Tokens": "12000",
    "x-ratelimit-limit-tokens": "90000",
    "x-ratelimit-reset-tokens": "6m0s",
    "X-CSRF-Token": "Fetch",
    "x-csrf-token": "Required",
    "token_type": "bearer_v2",
    "tokenType": "BearerToken",
    "includeTokens": "true",
    "max_tokens": "4096",
    "total_tokens": "12345",
    "tokens_left": "1234",
    "token_expires_in": "3599",
    "token_endpoint": "https://login.example.com/token2",
    "Access-Control-Allow-Credentials": "true",
    "WWW-Authenticate": 'Bearer realm="contacts2"',
    "authorization_uri": "https://login.example.com/authorize2",
    "author": "jane.doe1999",
    "authority": "https://login.example.com/t1",
    "authenticated": "true",
    "authorized_at": "2024-05-01T10:00:00Z",
    "Idempotency-Key": "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    "Surrogate-Key": "contacts17x99y",
    "Cache-Key": "a1b2c3d4e5f6",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ",
    "x-ms-documentdb-partitionkey": "a1b2c3d4",
    "primaryKey": "0015g00000XyZ12",
    "foreign_key": "contact2account17",
    "publicKey": "MIIBIjANBgkq17",
    "projectKey": "PROJ1234x7",
    "issueKey": "PROJ-1234",
    "sort_key": "modified_date",
    "objectKey": "photos17/2024x.jpg",
    "keyName": "contact17x",
    "keyword": "salesforce1x2",
    "keys_count": "12345",
    "monkey": "capuchin1x2",
    "nextPageToken": "CAUQ17abcdef",
    "Elements-Next-Page-Token": "eyJsYXN0IjoxN30",
    "next_token": "AAAA17bbbb",
    "syncToken": "CPDAlvWDx70CEPDA",
    "continuation_token": "1!48!MDAwMDEy",
    "$skipToken": "X'445370740200'",
    "deltaToken": "latest17abc",
    "signature_method": "HMAC-SHA256",
    "signatureVersion": "s3v4x17a",
    "SignedHeaders": "host;x-amz-date17",
    "secretCount": "1234",
    "secret_name": "crm-secret-17x",
    "password_policy": "min12chars",
    "passwordExpiresAt": "2024-05-01",
    "password_reset_url": "https://example.com/reset17",
    "hasToken": "true",
    "passport_number": "X1234567",
    "passenger": "jane1doe2x",
    "compass": "north17west",
    "bypass": "enabled17x",
    "session_count": "12345",
    "sessionTimeout": "3600s17",
    "sessions": "12345678",
    "cookie_consent": "accepted17",
    "cookieDomain": ".example17.com",
    "credential_type": "oauth2client",
    "country_code": "DE12345678",
    "error_code": "0x80131500",
    "errorCode": "E1234x56",
    "zip_code": "12345-6789",
    "description": "b1a2c3d4e5",
    "design": "b1a2c3d4e5",
    "pinned": "b1a2c3d4e5",
    "spin": "b1a2c3d4e5",
    "signal": "b1a2c3d4e5",
    "X-Request-Id": "8a1f3c1e-12ab-4cde-9f00-aa11bb22cc33",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "User-Agent": "python-requests/2.34.2x1",
    "client_id": "a1b2c3d4e5f6",
    "accountId": "a1b2c3d4e5f6",
    "username": "jane.doe1999",
    "user": "jdoe4711x",
}


def _pickled(name, value):
    """Return what the pickle of an error has of a header of its response."""
    response = requests.Response()
    response.headers[name] = value
    error = UnlistedStatusError("x", response=response)
    return pickle.loads(pickle.dumps(error)).response.headers


def test_the_tables_are_long_enough():
    """At least 60 names that hold secrets, and 60 that do not."""
    assert len({*SECRET_HEADERS}) >= 60
    assert len({*SECRET_HEADERS, *SECRET_PARAMETERS, *SECRET_FIELDS}) >= 120
    assert len(PUBLIC) >= 60


@pytest.mark.parametrize("name", SECRET_HEADERS)
def test_a_header_with_a_secret(name):
    """The server may repeat it, and a response's headers are pickled."""
    value = f"id={VALUE}" if name == "Cookie" else VALUE
    assert Redactor({name: value})(f"got {VALUE} here") == f"got {REDACTED} here"
    assert VALUE not in _pickled(name, value)[name]


@pytest.mark.parametrize("name", SECRET_PARAMETERS)
def test_a_parameter_with_a_secret(name):
    redact = Redactor(None, f"https://api.example/x?a=1&{name}={VALUE}&b=2")
    assert redact(f"got {VALUE} here") == f"got {REDACTED} here"


@pytest.mark.parametrize("name", SECRET_FIELDS)
def test_a_field_with_a_secret(name):
    """Details and text agree, and the name is shown."""
    for value in (VALUE, [VALUE], [VALUE, "x", VALUE], {"value": VALUE}, 12345678):
        body = f'{{"message": "No", "{name}": {json.dumps(value)}, "x": 1}}'
        error = error_from_parts(400, body)
        told = f"{error.text} {error.details!r} {error} {error.to_dict()!r}"
        assert VALUE not in told
        assert "12345678" not in told
        assert name in error.details
        assert f'"{name}":' in error.text
        assert error.details["x"] == 1


@pytest.mark.parametrize(("name", "value"), PUBLIC.items(), ids=PUBLIC)
def test_a_name_or_value_that_is_no_secret(name, value):
    """It is shown as a header, a parameter, a field and in a text."""
    text = f"got {value} here; {name}={value}, {name}: {value}"
    assert Redactor({name: value})(text) == text
    assert Redactor(None, f"https://api.example/x?{name}={value}")(text) == text
    assert _pickled(name, value) == {name: value}
    fields = {name: value, "list": [{name: value}]}
    assert Redactor()(json.dumps(fields)) == json.dumps(fields)


def test_headers_of_a_request_and_several_urls():
    """The URLs before a redirect and those of proxies hold secrets, too."""
    redact = Redactor(
        {"Authorization": "Bearer a1b2c3d4e5"},
        "https://api.example/x",
        None,
        "https://api.example/y?token=f6g7h8i9j0",
        "socks5h://joe:pr0xy@proxy.example:1080",
    )
    text = "a1b2c3d4e5, f6g7h8i9j0, pr0xy, joe"
    assert redact(text) == f"{REDACTED}, {REDACTED}, {REDACTED}, joe"


def test_a_pickle_knows_what_the_error_knew():
    """A header of a 407 that repeats the proxy's password is pickled without it."""
    response = requests.Response()
    response.status_code = 407
    response.reason = "No pr0xy-pw"
    response.headers["X-Sent"] = "joe:pr0xy-pw"
    response.request = requests.Request("GET", "http://api.example/x").prepare()
    proxies = {"http": "http://joe:pr0xy-pw@proxy.example:3128"}
    with pytest.raises(UnlistedStatusError) as caught:
        raise_for_error(response, proxies=proxies)
    copied = pickle.loads(pickle.dumps(caught.value))
    assert copied.response.headers["X-Sent"] == f"joe:{REDACTED}"
    assert copied.response.reason == f"No {REDACTED}"
    assert "pr0xy-pw" not in pickle.dumps(copied).decode("latin-1")


def test_no_cache_keeps_a_secret():
    """Neither one of the package, nor those of `re` and of Python's URL functions."""
    secret = "Zx81-yWv7-stays"
    headers = {"Authorization": f"Bearer {secret}", "Cookie": f"s={secret}"}
    url = f"https://ada:{secret}@api.example/x?token={secret}"
    body = f"No {secret} & %41, password={secret}"
    error = error_from_parts(409, body, url=url, request_headers=headers)
    assert origin_of(url) == ("https", "api.example", 443)
    assert error.url == "https://api.example/x"
    assert secret not in str(pickle.loads(pickle.dumps(error)).to_dict())
    caches = [one for one in gc.get_objects() if hasattr(type(one), "cache_clear")]
    keys = gc.get_referents(*caches, vars(re)["_cache"])
    keys += gc.get_referents(*[one for one in keys if isinstance(one, (tuple, list))])
    texts = [one for one in keys if isinstance(one, str)]
    assert texts
    assert [one for one in texts if secret in one] == []


CREDENTIAL = "Bearer a1b2c3d4e5"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"request_headers": [("Authorization", CREDENTIAL)]}, "or None, not list"),
        ({"request_headers": f"Authorization: {CREDENTIAL}"}, "or None, not str"),
        ({"headers": CREDENTIAL}, "or None, not str"),
        ({"headers": [CREDENTIAL]}, "or None, not list"),
        ({"body": [CREDENTIAL]}, "or None, not list"),
        ({"url": b"https://ada:a1b2c3d4e5@api.example/"}, "or None, not bytes"),
    ],
)
def test_a_message_about_an_argument_has_no_credential(arguments, message):
    """It names the type of what may hold one."""
    with pytest.raises(TypeError, match=message) as caught:
        error_from_parts(400, **arguments)
    assert "a1b2c3d4e5" not in str(caught.value)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("name", ["Cookie", "Location"])
def test_brackets_that_a_server_has_sent_take_no_time(name):
    """A server chooses the cookies, and the URL after a redirect."""
    brackets = "]" * 250_000 + "x"
    url = f"https://h/?token={brackets}" if name == "Location" else None
    assert Redactor({"Cookie": f"a={brackets}"}, url)("Bearer is wrong")
