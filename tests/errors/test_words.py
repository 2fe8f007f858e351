"""The words of a body are in the line, whatever shape the body has."""

from __future__ import annotations

import gzip
import json
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import requests
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_elements_errors import (
    Attempt,
    CloudElementsRetry,
    CloudElementsSession,
    FailedRequestError,
    error_from_parts,
    error_from_response,
)
from cloud_elements_errors._errors.decoding import MAX_BODY_BYTES
from cloud_elements_errors._errors.line import attempt_line, printable
from cloud_elements_errors._errors.words import (
    readable,
    unsaid,
    words_in,
    words_of,
)

if TYPE_CHECKING:
    from cloud_elements_errors.testing import FakeCloudElements

JSON = "application/json;charset=UTF-8"
HTML = "text/html; charset=utf-8"
XML = "text/xml; charset=utf-8"
FORM = "application/x-www-form-urlencoded"


class Body(NamedTuple):
    """A response shaped after public reports, and the words that a person must see."""

    status: int
    content_type: str
    body: Any  # bytes and str as they are, other values as JSON
    words: tuple[str, ...]
    hidden: tuple[str, ...] = ()
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    def error(self) -> Any:
        response = requests.Response()
        response.status_code = self.status
        response.reason = self.reason
        response.headers.update(self.headers)
        if self.content_type:
            response.headers["Content-Type"] = self.content_type
        body = self.body
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        response._content = body.encode() if isinstance(body, str) else body
        return error_from_response(response)


TOMCAT = (
    """<!doctype html><html lang="en"><head><title>HTTP Status 404 &ndash; Not Found
</title><style type="text/css">body {font-family:Tahoma,Arial,sans-serif;} h1, h2, h3, b
{color:white;background-color:#525D76;}"""
    + "a {color:black;} " * 60
    + """</style></head>
<body>
<h1>HTTP Status 404 &ndash; Not Found</h1><hr class="line" /><p><b>Type</b> Status
Report</p><p><b>Message</b> No contact &#39;17&#39; in &quot;crm&quot;</p>
<p><b>Description</b> The origin server did not find a representation of it.</p>
<hr class="line" /><h3>Apache Tomcat/9.0.80</h3></body></html>"""
)

CLOUDFLARE = """<!DOCTYPE html>
<!--[if lt IE 7]> <html class="no-js ie6 oldie" lang="en-US"> <![endif]-->
<!--[if gt IE 8]><!--> <html class="no-js" lang="en-US"> <!--<![endif]-->
<head>
<title>crm.example | 522: Connection timed out</title>
<meta charset="UTF-8" />
<link rel="stylesheet" href="/cdn-cgi/styles/main.css" />
<script>(function(){if (a < b && c > d) {window.x = "not for people"}})();</script>
</head>
<body><div id="cf-wrapper"><h1><span>Connection timed out</span> <span>Error code
522</span></h1><h2>What happened?</h2><p>The initial connection between
Cloudflare&apos;s network and the origin web server timed&nbsp;out.</p></div></body>
</html>"""

SOAP_11 = """<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>
<soap:Fault><faultcode>soap:Client</faultcode><faultstring>Unable to create a record:
the period is closed</faultstring><detail><ns1:code xmlns:ns1="urn:f">PERIOD</ns1:code>
</detail></soap:Fault></soap:Body></soap:Envelope>"""

WCF = """<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault>
<s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>a:InvalidSecurity</s:Value>
</s:Subcode></s:Code><s:Reason><s:Text xml:lang="en-US">An error occurred when verifying
security for the message.</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>"""

GATEWAY = """<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1>
</center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"""

BODIES = {
    # Cloud Elements, with a message that says little or is not there.
    "message": Body(404, JSON, {"message": "No such account"}, ("No such account",)),
    "errors-beside-a-request-id": Body(
        401,
        JSON,
        {"requestId": "r1", "errors": [{"message": "The token has expired"}]},
        ("The token has expired", "request id: r1"),
    ),
    "empty-message": Body(
        400,
        JSON,
        {"message": "", "requestId": "r1", "error": "Field 'size' is unknown"},
        ("Field 'size' is unknown",),
    ),
    "message-is-the-title": Body(
        400,
        JSON,
        {"message": "Bad Request", "details": [{"reason": "The name is missing"}]},
        ("The name is missing",),
    ),
    "message-is-the-title-and-a-field": Body(
        400, JSON, {"message": "Bad Request", "field": "postcode"}, ("postcode",)
    ),
    "message-is-generic": Body(
        502,
        JSON,
        {"message": "Request failed", "cause": {"error": {"text": "Quota is used up"}}},
        ("Request failed", "Quota is used up"),
    ),
    "provider-code-alone": Body(
        400,
        JSON,
        {"requestId": "r1", "providerErrorCode": "INVALID_FIELD"},
        ("INVALID_FIELD",),
    ),
    "provider-code-and-message": Body(
        400, JSON, {"message": "No", "providerErrorCode": 3100}, ("No", "3100")
    ),
    "wrapped-by-a-runtime": Body(
        400,
        JSON,
        {
            "details": "The organization secret is invalid.",
            "message": "Failed to execute a call: HTTP Status: 401",
            "status": 400,
        },
        ("Failed to execute a call", "The organization secret is invalid."),
    ),
    "pascal-case": Body(
        409,
        JSON,
        {"RequestId": "r1", "Message": "Conflict", "Errors": ["The name is taken"]},
        ("The name is taken", "request id: r1"),
    ),
    "nested-error": Body(
        400,
        JSON,
        {"requestId": "r1", "error": {"requestId": "r2", "message": "Wrong filter"}},
        ("Wrong filter",),
    ),
    "json-in-the-message": Body(
        400,
        JSON,
        {"message": json.dumps({"error": {"message": "Поле пусто"}})},
        ("Поле пусто",),
        ("u041f",),
    ),
    "page-in-the-message": Body(
        502,
        JSON,
        {"message": GATEWAY.format("503 Backend is away")},
        ("Backend is away", "nginx/1.22.1"),
        ("<", "center"),
    ),
    "page-in-the-provider-text": Body(
        502, JSON, {"providerMessage": TOMCAT}, ("No contact '17' in \"crm\"",), ("{",)
    ),
    "only-other-fields": Body(
        400, JSON, {"requestId": "r1", "has": {"a": "näme"}}, ('{"has":{"a":"näme"}}',)
    ),
    "tags-within-words": Body(
        500,
        "text/html",
        "<section><b>The</b> table is <i>locked</i></section>",
        ("The table is locked",),
    ),
    "html-after-a-comment": Body(
        500,
        "",
        "<!-- gateway --><HTML><b>The</b> table is <i>locked</i></HTML>",
        ("The table is locked",),
        ("gateway",),
    ),
    "code-in-a-namespace": Body(
        500,
        "text/xml",
        "<n2:F><n2:errorCode>E17</n2:errorCode><n2:msg>It is locked</n2:msg></n2:F>",
        ("It is locked", "errorcode: E17"),
        ("n2",),
    ),
    "the-title-in-other-letters": Body(
        400,
        JSON,
        {"message": "BAD REQUEST: There is no name"},
        ("There is no name",),
        ("BAD",),
    ),
    "words-said-again": Body(
        409,
        "text/plain",
        "The name is taken.\n\nTry another one.\n\nTHE NAME IS TAKEN!",
        ("The name is taken. Try another one.",),
        ("THE NAME",),
    ),
    "django-nested-fields": Body(
        400,
        JSON,
        {
            "items": [{}, {"qty": ["A valid integer is required."]}],
            "title": ["This field is required."],
        },
        ("qty: A valid integer is required.", "title: This field is required."),
    ),
    "spring-without-words": Body(
        401,
        JSON,
        {"timestamp": "2026-01-01T10:00:00.000", "error": "Unauthorized", "path": "/x"},
        ("401 Unauthorized: Jwt expired at noon",),
        ("timestamp", "2026-01-01"),
        headers=(
            ("WWW-Authenticate", 'Bearer error_description="Jwt expired at noon"'),
        ),
    ),
    "asp-net-without-words": Body(
        400,
        JSON,
        {"title": "Bad Request", "traceId": "00-a1"},
        ("Order 7 is closed",),
        ("traceId",),
        "Order 7 is closed",
    ),
    "a-form-of-a-provider": Body(
        400,
        JSON,
        {"providerMessage": "error=invalid_grant&error_description=Missing+client_id"},
        ("invalid_grant; Missing client_id",),
    ),
    "magento-parameters": Body(
        400,
        JSON,
        {"message": "The product %1 is not in %2.", "parameters": ["abc", "shop"]},
        ("The product %1 is not in %2.", "parameters: abc", "parameters: shop"),
    ),
    "rails-path": Body(
        422,
        JSON,
        {"message": {"path": ["is reserved", "is too long"], "name": ["is taken"]}},
        ("path: is reserved", "path: is too long", "name: is taken"),
    ),
    "words-in-other-attributes": Body(
        404,
        "application/fhir+xml",
        '<Outcome><diagnostics value="Patient/9 is not known"/></Outcome>',
        ("Patient/9 is not known",),
    ),
    "class-validator": Body(
        400,
        JSON,
        {
            "message": "The validation has failed.",
            "constraints": {"isEmail": "email must be an email"},
        },
        ("The validation has failed.", "isEmail: email must be an email"),
    ),
    "azure-code-in-a-header": Body(
        404, "", b"", ("BlobNotFound",), headers=(("x-ms-error-code", "BlobNotFound"),)
    ),
    "form-with-one-field": Body(
        400,
        "application/x-www-form-urlencoded",
        "error_description=The+code+is+used",
        ("400 Bad Request: The code is used",),
    ),
    "json-of-a-provider-without-words": Body(
        400,
        JSON,
        {"providerMessage": '{"locked_by": "j\\u00fcrgen"}'},
        ('provider: {"locked_by":"jürgen"}',),
    ),
    "bytes-of-no-charset": Body(
        400,
        "text/plain; charset=none-such",
        b"It costs 5 \x80",
        ("It costs 5 €",),
    ),
    # Fields by their own names.
    "django-fields": Body(
        400,
        JSON,
        {
            "requestId": "r1",
            "title": ["This field is required."],
            "email": ["Enter a valid email."],
        },
        ("title: This field is required.", "email: Enter a valid email."),
    ),
    "django-non-field-errors": Body(
        400,
        JSON,
        {"email": ["Not valid."], "non_field_errors": ["The passwords differ here."]},
        ("email: Not valid.", "The passwords differ here."),
    ),
    "slack-needed": Body(
        403,
        JSON,
        {"ok": False, "error": "missing_scope", "needed": "chat:write"},
        ("missing_scope", "needed: chat:write"),
    ),
    "azure-target": Body(
        400,
        JSON,
        {"error": {"code": "E7", "message": "It is not valid.", "target": "email"}},
        ("It is not valid.", "target: email", "E7"),
    ),
    "names-of-what-is-missing": Body(
        400,
        JSON,
        {"message": "Some fields are not there.", "missing": ["name", "due_date"]},
        ("Some fields are not there.", "missing: name", "missing: due_date"),
    ),
    "json-rpc-data": Body(
        400,
        JSON,
        {"error": {"message": "The parameters are bad.", "data": "name is no text"}},
        ("The parameters are bad.", "name is no text"),
    ),
    "escapes-after-words": Body(
        400,
        "text/plain",
        rb'Upstream said: {"m": "M\u00fcller \ud83d\ude00 is locked"}',
        ("Müller 😀 is locked",),
    ),
    "template-of-a-page": Body(
        400,
        "text/html",
        "<html><template>Not shown</template><p>The table is locked</html>",
        ("The table is locked",),
        ("Not shown",),
    ),
    # JSON of providers.
    "jira-messages": Body(
        400,
        JSON,
        {"errorMessages": ["The value &#39;XY&#39; does not exist."], "errors": {}},
        ("The value 'XY' does not exist.",),
    ),
    "jira-fields": Body(
        400,
        JSON,
        {"errorMessages": [], "errors": {"summary": "A summary is required."}},
        ("summary: A summary is required.",),
    ),
    "sharepoint": Body(
        404,
        JSON,
        {
            "odata.error": {
                "code": "-2130575338, Microsoft.SharePoint.SPException",
                "message": {"lang": "de-DE", "value": "Die Liste gibt es nicht."},
            }
        },
        ("Die Liste gibt es nicht.", "-2130575338"),
    ),
    "odata-inner-error": Body(
        400,
        JSON,
        {
            "error": {
                "code": "",
                "message": "A value is wrong",
                "innererror": {"message": "Edm.Guid expected", "stacktrace": "at A.B"},
            }
        },
        ("A value is wrong", "Edm.Guid expected"),
        ("at A.B",),
    ),
    "web-api": Body(
        500,
        JSON,
        {
            "Message": "An error has occurred.",
            "ExceptionMessage": "The sequence contains no elements",
            "StackTrace": "   at System.Linq.Enumerable.First()",
        },
        ("An error has occurred.", "The sequence contains no elements"),
    ),
    "model-state": Body(
        400,
        JSON,
        {
            "Message": "The request is invalid.",
            "ModelState": {"contact.Email": ["The Email field is required."]},
        },
        ("contact.Email: The Email field is required.",),
    ),
    "problem-details": Body(
        403,
        "application/problem+json",
        {
            "type": "https://example.com/probs/credit",
            "title": "Not enough credit",
            "detail": "The balance is 30, but that costs 50.",
            "invalid-params": [{"name": "age", "reason": "must be positive"}],
        },
        ("Not enough credit", "The balance is 30, but that costs 50.", "positive"),
    ),
    "problem-details-title-said": Body(
        404,
        "application/problem+json",
        {"type": "about:blank", "title": "Not Found", "detail": "No item 7 here"},
        ("404 Not Found: No item 7 here",),
    ),
    "marketo": Body(
        400,
        JSON,
        {
            "requestId": "e42b#14272d07d78",
            "success": False,
            "errors": [{"code": "610", "message": "Requested resource not found"}],
        },
        ("Requested resource not found", "610"),
    ),
    "xero": Body(
        400,
        JSON,
        {
            "ErrorNumber": 10,
            "Type": "ValidationException",
            "Message": "A validation exception occurred",
            "Elements": [
                {"ValidationErrors": [{"Message": "Email address must be valid."}]}
            ],
        },
        ("A validation exception occurred", "Email address must be valid.", "10"),
    ),
    "azure-ad": Body(
        400,
        JSON,
        {
            "error": "invalid_resource",
            "error_description": "AADSTS500011: The resource principal named x was "
            "not found.\r\nTrace ID: 1f\r\nTimestamp: 2026-01-01 10:00:00Z",
            "error_codes": [500011],
        },
        ("invalid_resource", "AADSTS500011: The resource principal named x was not"),
        (r"\r\n",),
    ),
    "oauth": Body(
        400,
        JSON,
        {"error": "invalid_grant", "error_description": "Code was already redeemed."},
        ("invalid_grant", "Code was already redeemed."),
    ),
    "cloudflare-json": Body(
        403,
        JSON,
        {
            "success": False,
            "errors": [{"code": 9109, "message": "Unauthorized to access resource"}],
            "messages": [],
            "result": None,
        },
        ("Unauthorized to access resource", "9109"),
    ),
    "apigee": Body(
        401,
        JSON,
        {
            "fault": {
                "faultstring": "Invalid ApiKey for given resource",
                "detail": {"errorcode": "oauth.v2.InvalidApiKey"},
            }
        },
        ("Invalid ApiKey for given resource", "oauth.v2.InvalidApiKey"),
    ),
    "salesforce": Body(
        400,
        JSON,
        [{"message": "No such column 'Nme' on Account", "errorCode": "INVALID_FIELD"}],
        ("No such column 'Nme' on Account", "INVALID_FIELD"),
    ),
    "netsuite": Body(
        400,
        "application/vnd.oracle.resource+json",
        {
            "type": "https://www.rfc-editor.org/rfc/rfc9110",
            "title": "Bad Request",
            "status": 400,
            "o:errorDetails": [
                {
                    "detail": "Error while accessing a resource. Unknown reference.",
                    "o:errorPath": "entity",
                    "o:errorCode": "INVALID_CONTENT",
                }
            ],
        },
        ("Error while accessing a resource. Unknown reference.",),
    ),
    "google": Body(
        403,
        JSON,
        {
            "error": {
                "code": 403,
                "message": "The API has not been enabled in project 17.",
                "status": "PERMISSION_DENIED",
                "details": [{"@type": "type.googleapis.com/X", "reason": "DISABLED"}],
            }
        },
        ("The API has not been enabled in project 17.", "DISABLED"),
    ),
    "graph": Body(
        404,
        JSON,
        {
            "error": {
                "code": "ErrorItemNotFound",
                "message": "The object was not found in the store.",
                "innerError": {"date": "2026-01-01T00:00:00", "request-id": "a-b"},
            }
        },
        ("The object was not found in the store.", "ErrorItemNotFound"),
        ("a-b",),
    ),
    "hubspot": Body(
        400,
        JSON,
        {
            "status": "error",
            "message": "Property values were not valid",
            "errors": [{"message": "Email xyz is invalid", "code": "INVALID_EMAIL"}],
            "correlationId": "c-1",
        },
        ("Property values were not valid", "Email xyz is invalid", "INVALID_EMAIL"),
    ),
    "zendesk": Body(
        422,
        JSON,
        {
            "error": "RecordInvalid",
            "description": "Record validation errors",
            "details": {"email": [{"description": "Email: a@b is already being used"}]},
        },
        ("RecordInvalid", "Record validation errors", "a@b is already being used"),
    ),
    "shopify": Body(
        422, JSON, {"errors": {"title": ["can't be blank"]}}, ("title: can't be blank",)
    ),
    "shopify-string": Body(
        423, JSON, {"errors": "This shop is locked"}, ("This shop is locked",)
    ),
    "stripe": Body(
        402,
        JSON,
        {
            "error": {
                "code": "card_declined",
                "doc_url": "https://example.com/docs",
                "message": "The card was declined.",
                "type": "card_error",
            }
        },
        ("The card was declined.", "card_declined"),
    ),
    "facebook": Body(
        400,
        JSON,
        {
            "error": {
                "message": "Session has expired",
                "code": 190,
                "error_subcode": 463,
            }
        },
        ("Session has expired", "190", "463"),
    ),
    "github": Body(
        422,
        JSON,
        {
            "message": "Validation Failed",
            "errors": [{"resource": "Issue", "field": "title", "code": "missing"}],
            "documentation_url": "https://example.com/rest",
        },
        ("Validation Failed", "title", "missing"),
    ),
    "graphql": Body(
        400,
        JSON,
        {
            "errors": [{"message": 'Cannot query field "x"', "path": ["a"]}],
            "data": None,
        },
        ('Cannot query field "x"',),
    ),
    "slack": Body(
        400, JSON, {"ok": False, "error": "not_in_channel"}, ("not_in_channel",)
    ),
    "telegram": Body(
        400,
        JSON,
        {"ok": False, "error_code": 400, "description": "Bad Request: no chat"},
        ("400 Bad Request: no chat",),
        ("Bad Request: Bad",),
    ),
    "okta": Body(
        400,
        JSON,
        {
            "errorCode": "E0000001",
            "errorSummary": "Api validation failed: login",
            "errorCauses": [{"errorSummary": "login: must be an email"}],
        },
        ("Api validation failed: login", "login: must be an email", "E0000001"),
    ),
    "laravel": Body(
        422,
        JSON,
        {
            "message": "The given data was invalid.",
            "errors": {"email": ["The email has already been taken."]},
        },
        ("The given data was invalid.", "email: The email has already been taken."),
    ),
    "rails-base": Body(
        400, JSON, {"errors": {"base": ["It is closed"]}}, ("Request: It is closed",)
    ),
    "rails-nested-fields": Body(
        422,
        JSON,
        {"errors": {"contact": {"phone": ["is too short"]}}},
        ("phone: is too short",),
    ),
    "django": Body(
        400,
        JSON,
        {"email": ["This field is required."]},
        ("email", "This field is req"),
    ),
    "fastapi": Body(
        422,
        JSON,
        {
            "detail": [
                {"loc": ["body", "n"], "msg": "field required", "type": "missing"}
            ]
        },
        ("field required; loc: body.n",),
    ),
    "zod": Body(
        400,
        JSON,
        {"issues": [{"path": ["items", 0, "price"], "message": "Expected a number"}]},
        ("Expected a number; path: items.0.price",),
    ),
    "magento": Body(
        400,
        JSON,
        {"message": "%fieldName is missing here", "parameters": {"fieldName": "sku"}},
        ("%fieldName is missing here; fieldName: sku",),
    ),
    "json-in-json-in-json": Body(
        500,
        JSON,
        {"message": json.dumps({"error": json.dumps({"message": "It is deep down"})})},
        ("500 Server Error: It is deep down",),
    ),
    "jsend": Body(
        400,
        JSON,
        {"status": "fail", "data": {"title": "A title is required"}},
        ("A title is required",),
    ),
    "fhir": Body(
        400,
        "application/fhir+json",
        {
            "resourceType": "OperationOutcome",
            "issue": [{"severity": "error", "diagnostics": "Unknown parameter 'nme'"}],
        },
        ("Unknown parameter 'nme'",),
    ),
    "spring": Body(
        500,
        JSON,
        {
            "timestamp": "2026-01-01T10:00:00.000+00:00",
            "status": 500,
            "error": "Internal Server Error",
            "exception": "java.lang.IllegalStateException",
            "message": "No room for contact 17",
            "trace": "java.lang.IllegalStateException: at a.b.C",
        },
        ("No room for contact 17",),
        ("a.b.C",),
    ),
    "code-and-a-sentence": Body(
        400,
        JSON,
        {"error": "E_LOCK", "info": "The table is locked by ada"},
        ("E_LOCK", "The table is locked by ada"),
    ),
    "foreign-names": Body(
        400,
        JSON,
        {"fehler": "Größe fehlt", "stufe": 3},
        ('{"fehler":"Größe fehlt","stufe":3}',),
        ("u00f6",),
    ),
    "angle-brackets-in-json": Body(
        400,
        JSON,
        {"error": "expected <id>, got < 3"},
        ("expected <id>, got < 3",),
    ),
    "angle-brackets-at-the-start": Body(
        400,
        JSON,
        {"error": "<id> of <name> is missing"},
        ("<id> of <name> is missing",),
    ),
    "escapes-in-json": Body(
        400,
        JSON,
        '{"error": "\\u0414\\u043e\\u0441\\u0442\\u0443\\u043f \\u0437\\u0430\\u043a"}',
        ("Доступ зак",),
        ("\\u04",),
    ),
    "json-string": Body(
        400, JSON, '"Der Schlüssel ist ung\\u00fcltig"', ("ist ungültig",)
    ),
    "json-in-a-json-string": Body(
        400,
        JSON,
        json.dumps(json.dumps({"message": "Twice encoded"})),
        ("400 Bad Request: Twice encoded",),
    ),
    "list-of-strings": Body(
        400, JSON, ["One is bad", "Two too"], ("One is bad; Two too",)
    ),
    "json-as-html": Body(
        400, HTML, '{"error": "Wrong <b>", "n": 1}', ("400 Bad Request: Wrong <b>",)
    ),
    "no-words-in-json": Body(
        409, JSON, {"locked": True, "by": "jürgen"}, ('{"locked":true,"by":"jürgen"}',)
    ),
    "cut-json": Body(
        400,
        JSON,
        '{"error": {"code": 5, "message": "The quota of pr\\u00f6ject is used up", "de',
        ("The quota of pröject is used up",),
        ("{",),
    ),
    "quotes-that-are-not-escaped": Body(
        400,
        JSON,
        '{"error": "The field "name" is missing", "requestId": "r1"}',
        ('400 Bad Request: The field "name" is missing | request id: r1',),
    ),
    "no-comma-between-fields": Body(
        400, JSON, '{"message": "m" "requestId": "r1"}', ("m | request id: r1",)
    ),
    "cut-list": Body(
        400,
        JSON,
        '[{"message": "No such column", "errorCode": "IN',
        ("No such column",),
    ),
    "python-repr": Body(
        500, "text/plain", "{'error': 'no such key'}", ("{'error': 'no such key'}",)
    ),
    # HTML.
    "tomcat": Body(
        404,
        "text/html;charset=utf-8",
        TOMCAT,
        ("No contact '17' in \"crm\"", "The origin server did not find"),
        ("color", "&#39;", "HTTP Status"),
    ),
    "cloudflare-html": Body(
        522,
        HTML,
        CLOUDFLARE,
        (
            "522: Connection timed out",
            "Cloudflare's network and the origin web server timed out.",
        ),
        ("not for people", "oldie", "&nbsp;"),
    ),
    "nginx-504": Body(
        504,
        "text/html",
        GATEWAY.format("504 Gateway Time-out"),
        ("504 Gateway Time-out: nginx/1.22.1",),
        ("nginx/1.22.1 ",),
        "Gateway Time-out",
    ),
    "nginx-502": Body(
        502,
        "text/html",
        GATEWAY.format("502 Bad Gateway"),
        ("502 Failed Request: Bad Gateway; nginx/1.22.1",),
        (),
        "Bad Gateway",
    ),
    "iis": Body(
        400,
        "text/html; charset=us-ascii",
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN">'
        "\r\n<HTML><HEAD><TITLE>Bad Request</TITLE></HEAD>\r\n<BODY><h2>Bad "
        "Request - Invalid Hostname</h2><hr><p>HTTP Error 400. The request hostname "
        "is invalid.</p>\r\n</BODY></HTML>",
        ("Invalid Hostname", "The request hostname is invalid."),
    ),
    "apache-inline-tags": Body(
        404,
        "text/html; charset=iso-8859-1",
        "<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1><p>The "
        "URL <code>/x</code> is not&#32;here.<br />\nSorry.</p></body></html>",
        ("404 Not Found: The URL /x is not here. Sorry.",),
    ),
    "php-notice": Body(
        500,
        HTML,
        "<br />\n<b>Fatal error</b>:  Out of memory in <b>/a.php</b> on line <b>3</b>",
        ("Fatal error: Out of memory in /a.php on line 3",),
    ),
    "text-sent-as-html": Body(
        503,
        "text/html",
        "<urlopen error [Errno 111] Connection refused>",
        ("<urlopen error [Errno 111] Connection refused>",),
    ),
    "references-in-text-sent-as-html": Body(
        400, "text/html", "It isn&#39;t a &lt;date&gt;", ("It isn't a <date>",)
    ),
    "title-after-the-text": Body(
        500, "", "<p>more</p><title>First</title>", ("500 Server Error: First; more",)
    ),
    # XML.
    "prestashop": Body(
        400,
        XML,
        '<?xml version="1.0" encoding="UTF-8"?>\n<prestashop xmlns:xlink="http://www.w3'
        '.org/1999/xlink">\n<errors><error><code><![CDATA[86]]></code><message><![CDATA['
        "Property Order->id_cart is not valid]]></message></error></errors>",
        ("Property Order->id_cart is not valid", "86"),
    ),
    "cdata": Body(
        500,
        "application/xml",
        "<fault><![CDATA[The <orders> table is locked]]></fault>",
        ("The <orders> table is locked",),
    ),
    "soap-1.1": Body(
        500,
        XML,
        SOAP_11,
        ("Unable to create a record: the period is closed", "soap:Client"),
    ),
    "wcf": Body(
        500,
        "application/soap+xml; charset=utf-8",
        WCF,
        ("An error occurred when verifying security for the message.",),
    ),
    "s3": Body(
        404,
        "application/xml",
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>'
        "The key isn&apos;t there.</Message><RequestId>17</RequestId></Error>",
        ("The key isn't there.", "NoSuchKey"),
    ),
    "words-in-attributes": Body(
        400,
        XML,
        '<?xml version="1.0"?><rsp stat="fail"><err code="100" msg="Invalid API '
        'key &amp; user" /></rsp>',
        ("Invalid API key & user; code: 100",),
    ),
    "sharepoint-soap": Body(
        500,
        XML,
        "<soap:Fault><faultstring>SoapServerException was thrown.</faultstring><detail>"
        '<errorstring xmlns="urn:x">The list does not exist.</errorstring></detail>'
        "</soap:Fault>",
        ("The list does not exist.",),
    ),
    "bracket-in-an-attribute": Body(
        500, HTML, '<p title="a > b">Not here</p>', ("500 Server Error: Not here",)
    ),
    "xml-without-names": Body(
        500, XML, "<r><a>Disk</a><b>full</b></r>", ("Disk", "full"), ("<",)
    ),
    "xml-in-xml": Body(
        500,
        XML,
        '<?xml version="1.0"?><string xmlns="urn:x">&lt;?xml version="1.0"?&gt;'
        "&lt;error&gt;The job is running&lt;/error&gt;</string>",
        ("The job is running",),
        ("<", "&lt;"),
    ),
    "xml-rpc": Body(
        500,
        XML,
        "<?xml version='1.0'?><methodResponse><fault><value><struct><member><name>fault"
        "Code</name><value><int>4</int></value></member><member><name>faultString</name>"
        "<value><string>Too many parameters.</string></value></member></struct></value>"
        "</fault></methodResponse>",
        ("Too many parameters.",),
    ),
    "problem-xml": Body(
        403,
        "application/problem+xml",
        '<problem xmlns="urn:ietf:rfc:7807"><title>Forbidden</title><detail>Not your '
        "account</detail></problem>",
        ("403 Forbidden: Not your account",),
    ),
    "xml-sent-as-text": Body(
        400, "text/plain", "<r><error>No such id</error></r>", ("Request: No such id",)
    ),
    "xml-sent-as-json": Body(
        400, JSON, '<e:Error a="1"><m>No id</m></e:Error>\n', ("Request: No id",)
    ),
    "xml-of-a-provider": Body(
        400,
        JSON,
        {"providerMessage": "<r><code>5</code><error>No id</error></r>"},
        ("| provider: No id; code: 5",),
    ),
    "xml-without-words-of-a-provider": Body(
        400, JSON, {"providerMessage": "<r><a/></r>"}, ("| provider: <r><a/></r>",)
    ),
    "page-of-a-provider-that-begins-with-none": Body(
        400,
        JSON,
        {"providerMessage": "<p>None of <b>them</b></p>"},
        ("| provider: None of them",),
    ),
    "html-in-the-message": Body(
        400, JSON, {"message": "<p>Not <b>here</b></p>"}, ("Request: Not here",)
    ),
    # Other shapes.
    "plain-text": Body(
        503,
        "text/plain",
        "upstream connect error or disconnect/reset before headers",
        ("upstream connect error or disconnect/reset before headers",),
    ),
    "plain-text-with-brackets": Body(
        500,
        "text/plain",
        "expected <id> & got &amp; <b>bold</b>",
        ("expected <id> & got &amp; <b>bold</b>",),
    ),
    "plain-text-without-a-type": Body(
        503, "", "<urlopen error timed out>", ("<urlopen error timed out>",)
    ),
    "plain-text-in-a-bracket": Body(
        500, "", "[Errno 111] Connection refused", ("[Errno 111] Connection refused",)
    ),
    "go": Body(404, "text/plain", "404 page not found\n", ("404 Not Found: page not",)),
    "form": Body(
        400,
        FORM,
        "error=bad_verification_code&error_description=The+code+is+wr%C3%B6ng.",
        ("bad_verification_code", "The code is wröng."),
        ("%", "+"),
    ),
    "form-sent-as-text": Body(
        400,
        "text/plain; charset=utf-8",
        "ACK=Failure&L_ERRORCODE0=10002&L_LONGMESSAGE0=Security%20header%20is%20not%20"
        "valid&L_SEVERITYCODE0=Error",
        ("Security header is not valid", "10002"),
    ),
    "form-under-another-name": Body(
        400,
        FORM,
        "problem_text=The+table+is+locked%21",
        ("problem_text: The table is locked!",),
    ),
    "declared-form-that-is-none": Body(
        400, FORM, "The disk is 100% full", ("The disk is 100% full",)
    ),
    "rows-of-json": Body(
        400,
        "application/x-ndjson",
        '{"message": "Row 1 is bad"}\n{"message": "Row 2 is locked"}\n',
        ("Row 1 is bad", "Row 2 is locked"),
    ),
    "single-quotes-in-a-tag": Body(
        500,
        HTML,
        "<html><body><p title='a > b' class='x'>Table is locked</p></body></html>",
        ("500 Server Error: Table is locked",),
    ),
    "an-apostrophe-in-a-tag": Body(
        500,
        HTML,
        "<html><body><p title=don't data-x='a'>It isn't here</p></body></html>",
        ("500 Server Error: It isn't here",),
    ),
    "form-without-words": Body(400, FORM, "a=1&b=2", ("a=1&b=2",)),
    "codes-alone": Body(
        400, JSON, {"code": 17, "step": "Lock"}, ('{"code":17,"step":"Lock"}',)
    ),
    "null-in-a-path": Body(400, JSON, {"error": {"message": None}}, ("null",)),
    "sentences-in-other-scripts": Body(
        500,
        JSON,
        {"error": "E1", "情報": "テーブルがロックされています"},
        ("E1", "情報: テーブルがロックされています"),
    ),
    "links-and-traces": Body(
        400,
        JSON,
        {"error": "E1", "moreInfoUrl": "see this page", "stackTrace": "at a b c"},
        ("400 Bad Request: E1",),
        ("see", "at a"),
    ),
    "provider-text-with-escapes": Body(
        400,
        JSON,
        {"providerMessage": '{"error": "\\u0414\\u0430"}'},
        ("| provider: Да",),
    ),
    "provider-text-with-a-path": Body(
        400,
        JSON,
        {"providerMessage": "no C:\\\\users"},
        ("| provider: no C:\\\\users",),
    ),
    "provider-repeats-the-message": Body(
        409,
        JSON,
        {"message": "It exists", "providerMessage": "Ada: It exists."},
        ("409 Conflict | provider: Ada: It exists.",),
    ),
    "too-many-digits": Body(
        400, HTML, f"<p>It is &#{'9' * 5000}; here</p>", ("It is &#999",)
    ),
    # No body, or one without words.
    "reason": Body(
        415,
        "",
        "",
        ("415 Unsupported Media Type: Expected 'text/xml'",),
        (),
        "Expected 'text/xml'",
    ),
    "reason-beside-a-body-that-repeats-the-status": Body(
        502, "text/plain", "error code: 502", ("Blocked",), ("code",), "Blocked"
    ),
    "reason-in-utf-8": Body(
        400, "", "", ("Größe fehlt",), (), "Größe fehlt".encode().decode("latin-1")
    ),
    "header-in-utf-8": Body(
        400,
        "",
        "",
        ("Größe fehlt",),
        headers=(("Elements-Error", "Größe fehlt".encode().decode("latin-1")),),
    ),
    "standard-reason": Body(
        502, "", "", ("502 Failed Request",), ("Bad Gateway",), "Bad Gateway"
    ),
    "reason-of-an-unlisted-status": Body(
        420, "", "", ("420 Enhance Your Calm",), (), "Enhance Your Calm"
    ),
    "reason-and-an-empty-object": Body(
        400, JSON, "{}", ("Missing header X-Org",), (), "Missing header X-Org"
    ),
    "challenge-with-a-description": Body(
        401,
        "",
        "",
        ("401 Unauthorized: The access token expired",),
        (),
        "Unauthorized",
        (
            (
                "WWW-Authenticate",
                'Bearer realm="x", error_description="The access token expired"',
            ),
        ),
    ),
    "challenge": Body(
        401,
        "",
        "",
        ('401 Unauthorized: Basic realm="Contacts"',),
        headers=(("WWW-Authenticate", 'Basic realm="Contacts"'),),
    ),
    "warning-header": Body(
        400,
        "",
        "",
        ("The page size is too large",),
        headers=(("Elements-Error", "The page size is too large"),),
    ),
    "words-in-a-header-of-the-provider": Body(
        400,
        "",
        "",
        ("Invalid field: size",),
        headers=(("X-HR-Error-Message", "Invalid field: size"),),
    ),
    "page-without-words": Body(
        403,
        HTML,
        "<html><head><script>document.write('<p>no</p>')</script></head></html>",
        ("403 Forbidden: Blocked by a rule",),
        ("no",),
        "Blocked by a rule",
    ),
    "status-as-its-reason": Body(429, "", "", ("429 Too Many Requests",), (), "429"),
    # Charsets.
    "latin-1-undeclared": Body(
        400,
        "text/plain",
        "Größe fehlt für Café".encode("latin-1"),
        ("Größe fehlt für Café",),
    ),
    "windows-quotes": Body(
        400,
        "text/plain; charset=iso-8859-1",
        b"It isn\x92t \x80 5",
        ("It isn\u2019t € 5",),
    ),
    "meta": Body(
        500,
        "text/html",
        '<html><head><meta charset="windows-1251"><title>Ошибка</title>'.encode(
            "cp1251"
        ),
        ("Ошибка",),
    ),
    "meta-in-a-comment": Body(
        500,
        "text/html",
        '<!--<meta charset="cp037">--><meta charset="windows-1251"><p>Ошибка'.encode(
            "cp1251"
        ),
        ("Ошибка",),
    ),
    "meta-http-equiv": Body(
        500,
        "text/html",
        '<html><meta http-equiv="Content-Type" content="text/html; charset=euc-jp">'
        "<p>失敗しました".encode("euc-jp"),
        ("失敗しました",),
    ),
    "xml-prolog": Body(
        500,
        "text/xml",
        '<?xml version="1.0" encoding="ISO-8859-2"?><error>Błąd łącza</error>'.encode(
            "iso-8859-2"
        ),
        ("Błąd łącza",),
    ),
    "ks_c_5601-1987": Body(
        500,
        "text/plain; charset=ks_c_5601-1987",
        "잘못된 요청".encode("cp949"),
        ("잘못된 요청",),
    ),
    "ibm850": Body(
        500,
        "text/plain; charset=ibm850",
        "Größe fehlt".encode("cp850"),
        ("Größe fehlt",),
    ),
    "hz-gb-2312": Body(
        500, "text/plain; charset=hz-gb-2312", "请求无效".encode("hz"), ("请求无效",)
    ),
    "iso-2022-jp": Body(
        500, "text/plain; charset=ISO-2022-JP", "失敗".encode("iso2022_jp"), ("失敗",)
    ),
    "utf-16-with-bom": Body(
        500, "text/plain", "Größe fehlt".encode("utf-16"), ("Größe",)
    ),
    "gzip-without-its-header": Body(
        502,
        JSON,
        gzip.compress(b'{"message": "The gateway is full"}'),
        ("The gateway is full",),
    ),
}


@pytest.mark.parametrize("case", BODIES.values(), ids=BODIES)
def test_words_are_in_the_line(case: Body):
    """A person reads in the line what a browser or a JSON viewer would show."""
    error = case.error()
    line = str(error)
    assert [words for words in case.words if words not in line] == []
    assert [words for words in case.hidden if words in line] == []
    assert line.isprintable()


UNSAID = {
    "nothing": ("", 404, "Not Found", ""),
    "the title": ("Not Found", 404, "Not Found", ""),
    "the title in other letters": ("not found.", 404, "Not Found", ""),
    "the title with its status": ("HTTP Error 404: Not Found", 404, "Not Found", ""),
    "the title, joined": ("Gateway Time-out", 504, "Gateway Timeout", ""),
    "more than the title": ("Not found here", 404, "Not Found", "Not found here"),
    "after the title": ("Not Found: item 7", 404, "Not Found", "item 7"),
    "after the status and a dash": ("404 - no page", 404, "", "no page"),
    "after the status": ("404 no page", 404, "Not Found", "no page"),
    "part of a line before": ("a b c\nb c\nd", 404, "", "a b c; d"),
    "after a full stop": ("One.\nTwo", 404, "", "One. Two"),
    "without words": ("one\n---\n!", 404, "", "one"),
    "brackets in the title": ("(x: y", 404, "(x", "y"),
    "no status": ("404 no page", None, "", "404 no page"),
}


@pytest.mark.parametrize(
    ("words", "status_code", "title", "kept"), UNSAID.values(), ids=UNSAID
)
def test_no_word_is_repeated(words, status_code, title, kept):
    """The line has no words that are in it already."""
    assert unsaid(words, status_code, title) == kept


@pytest.mark.parametrize(
    ("words", "provider", "kept"),
    [
        ("It exists", "Error: It exists (17)", ""),
        ("No", "Not allowed", "No"),
        ("it exists", "It exists", ""),
        ("It exists", "", "It exists"),
    ],
)
def test_words_that_the_provider_repeats(words, provider, kept):
    """The provider's text is in the line, so the words before it may be left out."""
    assert unsaid(words, 409, "Conflict", provider) == kept


# The same words elsewhere.


def test_words_of_earlier_attempts(platform: FakeCloudElements, caplog):
    """Notes and log lines have the words of pages too, without secrets."""
    page = GATEWAY.format("502 Bad Gateway, Zk3vQ9x1Lw")
    html = {"Content-Type": "text/html"}
    platform.reply(502, body=page, headers=html)
    platform.reply(502, body={"message": "It is full"})
    platform.reply(502, body={"message": "m", "providerMessage": "p"})
    policy = CloudElementsRetry(total=2)
    session = CloudElementsSession(max_retries=policy)
    with (
        session,
        caplog.at_level(logging.WARNING),
        pytest.raises(FailedRequestError) as caught,
    ):
        session.get(platform.url, headers={"X-Token": "Zk3vQ9x1Lw"})
    words = ["Bad Gateway, [redacted]; nginx/1.22.1", "It is full"]
    assert [
        record.getMessage().partition("(")[2].partition(")")[0]
        for record in caplog.records
    ] == words
    lines = [attempt_line(attempt) for attempt in caught.value.attempts]
    assert [line.partition(" | waited")[0] for line in lines] == [
        f"  attempt 1: 502: {words[0]}",
        f"  attempt 2: 502: {words[1]}",
        "  attempt 3: 502 | provider: p",
    ]


def test_words_of_an_attempt_that_did_not_know_the_request(
    platform: FakeCloudElements,
):
    """A policy on plain urllib3 learns the request's secrets with the error."""
    platform.reply(502, body="bad token Zk3vQ9x1Lw", times=2)
    policy = CloudElementsRetry(total=1)
    headers = {"X-Token": "Zk3vQ9x1Lw"}
    with urllib3.PoolManager(retries=policy) as pool:
        raw = pool.request("GET", platform.url, headers=headers, preload_content=False)
    response = requests.Response()
    response.status_code, response.raw = raw.status, raw
    response.request = requests.Request("GET", platform.url, headers=headers).prepare()
    error = error_from_response(response)
    assert error is not None
    line = attempt_line(error.attempts[0])
    assert line.startswith("  attempt 1: 502: bad token [redacted] | waited 0.")


@pytest.mark.parametrize("content_type", ["text/html", "application/xml"])
def test_no_secret_of_a_tag_in_an_attempt(
    content_type: str, platform: FakeCloudElements, caplog
):
    """The name of a secret that was never sent is the tag around it."""
    page = "<r><apiKey>Zk3vQ9x1Lw</apiKey><message>It is full</message></r>"
    platform.reply(502, body=page, headers={"Content-Type": content_type}, times=2)
    with (
        CloudElementsSession(max_retries=1) as session,
        pytest.raises(FailedRequestError) as caught,
    ):
        session.get(platform.url)
    lines = [attempt_line(attempt) for attempt in caught.value.attempts]
    assert all("It is full" in line for line in [*lines, caplog.text])
    assert "Zk3vQ9x1Lw" not in "".join([*lines, caplog.text])


def test_words_of_an_attempt_are_no_field():
    """The fields of an attempt hold exact texts; the words are for people."""
    error = error_from_parts(502, b"<p>out of <b>order")
    assert error.attempts == (Attempt(1, 502),)
    assert attempt_line(error.attempts[0]) == "  attempt 1: 502: out of order"
    assert error.to_dict()["attempts"][0]["provider_message"] is None


def test_no_secret_in_words_of_the_head():
    """The status line and the headers may repeat a secret too."""
    error = error_from_parts(
        401,
        headers={"WWW-Authenticate": 'Bearer error_description="not Zk3vQ9x1Lw"'},
        reason="No Zk3vQ9x1Lw here",
        request_headers={"X-Token": "Zk3vQ9x1Lw"},
    )
    assert error.reason == "No [redacted] here"
    assert str(error) == "401 Unauthorized: No [redacted] here; not [redacted]"


def test_no_half_of_a_secret_in_long_words():
    """Words are cut before their secrets are removed."""
    secret = "s3cret" * 700
    body = json.dumps({"message": "x", "error": ["a" * 3000, secret]})
    error = error_from_parts(400, body, request_headers={"X-Token": secret})
    assert "s3cret" not in str(error) + repr(vars(error))


# Any text.


HOSTILE = [
    *(
        "<",
        ">",
        "<a",
        "<a ",
        "<!--",
        "<!-- -",
        "<![CDATA[",
        "<![CDATA[x]]>",
        "<script>",
    ),
    *("<script ", "</script", "<style/>", "<a>", "</a>", "<br>", "<b>x", "<p>x</p>"),
    *("&", "&#", "&#9999999999", "&lt;", "&amp;", '"', "'", "=", 'a="', "a='", "a "),
    *('<a msg="x" ', "\n", "\n ", " ", "\t", "\\", "{", "[", '{"a":', '{"errors":'),
    *('["x",', '{"message":"m"},', '"message":"m x y",', '"a":"b c d",', '"code":1,'),
    *("a=b&", "%20", "error=a+b&", "http status ", ":", "<error>a</error>", "\0", "é"),
    *("~{", "<?xml?>", "<!doctype html>", "<title>x</title>", "<?xml ?><a><![CDATA["),
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize(
    "start", ["", "{", '{"errors":{"a":"', "<html>", "<?xml ?><e>"]
)
def test_words_take_time_in_proportion(start: str, unit: str):
    """64 KiB of anything take milliseconds, whatever type they are declared as."""
    text = start + unit * (MAX_BODY_BYTES // len(unit))
    for content_type in ("", JSON, HTML, XML, FORM):
        assert isinstance(words_of(text, content_type), str)


def test_names_may_be_many_and_long():
    """Names are compared by their last letters, so that deep ones take no time."""
    deep: Any = ["a"] * 9000
    for _ in range(48):
        deep = {"k" * 300 + "errors": deep}
    assert words_in(deep) == "a"
    assert words_in({f"{'k' * 300}{n}": "a" for n in range(200)}) == ""


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 30])
def test_json_and_pages_within_each_other(levels: int):
    """Some levels are opened, and the rest is shown as it is."""
    text = "The table is locked"
    for _ in range(levels):
        text = json.dumps({"message": text})
        if len(text) > MAX_BODY_BYTES:
            break
    assert isinstance(words_of(text), str)
    page = "The table is locked"
    for _ in range(levels):
        page = f"<?xml version='1.0'?><message><![CDATA[{page}]]></message>"
    assert levels > 2 or "The table is locked" in words_of(page)


TYPES = st.sampled_from(["", JSON, HTML, XML, FORM, "text/plain"])


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=80)
    | st.lists(st.sampled_from([*HOSTILE, "x", "Words of it", "}", "]", ">"])).map(
        "".join
    ),
    TYPES,
)
def test_any_text_has_words(text, content_type):
    """No text breaks the search, and its words are lines of single spaces."""
    words = words_of(text, content_type)
    assert all(" ".join(line.split()) == line for line in words.split("\n"))
    assert isinstance(unsaid(words, 404, "Not Found"), str)
    assert printable(readable(text)).isprintable()


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60).filter(str.strip), st.sampled_from(["", "text/plain"]))
def test_plain_text_stays_as_it_is(text, content_type):
    """Text without markup, JSON or blank lines is shown in full."""
    text = " ".join(text.translate(dict.fromkeys(map(ord, '<{["&=\ufeff'))).split())
    assert words_of(text, content_type) == text


WORDS = st.lists(st.text("abcdefgh", min_size=3, max_size=9), min_size=3, max_size=6)


@settings(max_examples=200, deadline=None)
@given(
    WORDS.map(" ".join),
    st.lists(st.sampled_from(["error", "fault", "data", "x1", 0]), max_size=6),
    st.sampled_from(["message", "error_description", "Detail", "faultstring", "msg"]),
)
def test_a_sentence_is_found_at_any_depth(sentence, path, name):
    """Below whatever names and lists, as JSON and as JSON in a string.

    The name of a field may stand before it.
    """
    value: Any = {name: sentence, "id": 17}
    for step in path:
        value = [value] if step == 0 else {step: value, "at": "2026-01-01"}
    for body in (value, {"error": json.dumps(value)}):
        first = words_of(json.dumps(body)).split("\n")[0]
        assert first.rpartition(": ")[2] == sentence


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"message": {"info": "Table locked"}}, "Table locked"),
        ({"message": {"email": "is taken"}}, "is taken"),
        ({"message": '{"status": "Order 7 is locked"}', "path": "/x"}, "Order 7 is"),
        (
            {
                "providerMessage": "<soap:Envelope a='b'><soap:Fault><faultstring>"
                "Table is locked</faultstring><detail>ab"
            },
            "provider: Table is locked; ab",
        ),
    ],
)
def test_words_under_names_that_promise_none(body, words):
    """Where a message is no text, its JSON is shown."""
    assert words in str(error_from_parts(400, json.dumps(body)))


def test_a_page_without_its_first_tag():
    """Its words stay together."""
    page = "<head><title>Down</title></head><body>We are <em>down</em> for <b>30</b> m"
    assert str(error_from_parts(503, page)).endswith("Down; We are down for 30 m")


LONG = {"matches": "x" * 600, "errorCode": "E1", "message": "You have it already."}
LINES = {
    "a long provider's JSON": (
        json.dumps({"message": "Bad Request", "providerMessage": [LONG]}),
        "400 Bad Request | provider: You have it already.",
    ),
    "a page after words": (
        '{"message": "Failed: <html><style>b{c:d}</style><p>It is down</p></html>"}',
        "400 Bad Request: Failed: It is down",
    ),
    "spaces of French numbers": (
        '{"message": "Solde\\u00a0: 1\\u202f000\\u00a0\\u20ac"}',
        "400 Bad Request: Solde : 1 000 €",
    ),
    "line breaks of a provider": (
        '{"providerMessage": "First\\r\\n\\tsecond\\n"}',
        "400 Bad Request | provider: First second",
    ),
    "fields beside a message": (
        '{"message": "It is invalid", "fields": {"email": "is taken already"}}',
        "400 Bad Request: It is invalid; email: is taken already",
    ),
    "a single field": (
        '{"message": "Parameter is not valid", "field": "sku"}',
        "400 Bad Request: Parameter is not valid; field: sku",
    ),
    "RFC 9457": (
        '{"title": "Not valid.", "invalid-params": [{"name": "age", "reason": "Low"}]}',
        "400 Bad Request: Not valid. Low; name: age",
    ),
    "fields of XML": (
        "<errors><error><field>email</field><message>Taken?</message></error></errors>",
        "400 Bad Request: Taken? field: email",
    ),
    "fields in attributes": (
        '<errors><error field="email">has already been taken</error></errors>',
        "400 Bad Request: has already been taken; field: email",
    ),
    "a field that is named like a filler": (
        '{"errors": {"name": ["is bad"], "status": ["is bad"]}}',
        "400 Bad Request: name: is bad; status: is bad",
    ),
    "other codes": (
        '{"message": "No", "decline_code": "x1", "errorId": 5}',
        "400 Bad Request: No; decline_code: x1; errorId: 5",
    ),
    "a namespace": (
        '<Fault><faultstring>Bad sku</faultstring><d xmlns:err="http://u/E"/></Fault>',
        "400 Bad Request: Bad sku",
    ),
    "a list without messages": (
        '[{"type": "ValidationError", "property": "email", "value": "abc"}]',
        "400 Bad Request: type: ValidationError; property: email; value: abc",
    ),
}


@pytest.mark.parametrize(("body", "line"), LINES.values(), ids=LINES)
def test_the_words_of_real_services(body, line):
    """Shaped after the documentation of services; the line has what a person needs."""
    assert str(error_from_parts(400, body)).startswith(line)


def test_quotes_within_a_challenge():
    """RFC 9110 escapes them with a backslash."""
    challenge = r'Bearer error_description="Claim \"aud\" is wrong", error="invalid"'
    error = error_from_parts(401, "", {"WWW-Authenticate": challenge})
    assert 'Claim "aud" is wrong' in str(error)


FIELDS = {
    "Django's get_json_data()": (
        {
            "email": [{"message": "Enter a valid email.", "code": "invalid"}],
            "age": [{"message": "Too young.", "code": "min_value"}],
        },
        "email: Enter a valid email. age: Too young.",
    ),
    "Mongoose": (
        {
            "message": "User validation failed",
            "errors": {"name": {"message": "Is required.", "path": "name"}},
        },
        "User validation failed; name: Is required.",
    ),
    "a list under errors": (
        {"errors": {"email": [{"description": "is taken already", "code": "unique"}]}},
        "email: is taken already",
    ),
    "Symfony": (
        {
            "message": "Validation Failed",
            "errors": {"children": {"zip": {"errors": ["Is too long."]}, "age": {}}},
        },
        "Validation Failed; zip: Is too long.",
    ),
    "Zod's format()": (
        {"_errors": [], "email": {"_errors": ["Is no address."]}},
        "email: Is no address.",
    ),
    "no field": (
        {"errors": [{"message": "The table is locked."}], "data": None},
        "The table is locked.",
    ),
    "violations": (
        {"violations": [{"field": "age", "message": "It must be positive."}]},
        "It must be positive. field: age",
    ),
}


@pytest.mark.parametrize(("body", "words"), FIELDS.values(), ids=FIELDS)
def test_the_name_of_a_field_stands_before_its_message(body, words):
    """Also where the message is in an object of its own."""
    line = str(error_from_parts(400, json.dumps(body)))
    assert line.startswith(f"400 Bad Request: {words}")


def test_a_byte_order_mark_before_a_providers_json():
    assert words_of('\ufeff{"error": "The table is locked"}') == "The table is locked"


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ({"error": "E17", "info": "Table locked"}, ["E17", "info: Table locked"]),
        ({"error": "E17", "info": "表已锁定"}, ["E17", "info: 表已锁定"]),
        ({"error": "E17"}, ["E17", "zone: eu1"]),
        ({"error": "Bad id", "info": "Is empty"}, ["Bad id", "info: Is empty"]),
        ({"error": "Id is bad", "info": "Is empty"}, ["Id is bad"]),
        (
            {"error": "Not Found", "status": "404 Not Found"},
            ["Not Found", "status: 404 Not Found", "zone: eu1"],
        ),
    ],
    ids=["phrase", "no spaces", "word", "two words", "sentence", "only the status"],
)
def test_fields_with_other_names_count_if_the_others_say_little(body, lines):
    """A phrase comes before a word, and a sentence is enough."""
    assert words_of(json.dumps(body | {"zone": "eu1"})).split("\n") == lines


def test_a_code_that_is_no_code():
    """True says nothing."""
    assert words_of('{"message": "It is bad", "errorCode": true}') == "It is bad"


def test_a_list_within_a_text():
    """It has the name of the text."""
    body = {"error": "E17", "info": '["Table locked"]'}
    assert words_of(json.dumps(body)) == "E17\ninfo: Table locked"
