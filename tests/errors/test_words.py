"""The words of a body are in the line, whatever shape the body has."""

from __future__ import annotations

import gzip
import json
import sys
import time
import zlib
from typing import Any, NamedTuple

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_elements_errors import error_from_parts, error_from_response
from cloud_elements_errors._errors.payload import parse_payload
from cloud_elements_errors._errors.words import unsaid, words_of

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
    """<!doctype html><html lang="en"><head><title>HTTP Status 404 – Not Found</title>
<style type="text/css">body {font-family:Tahoma,Arial,sans-serif;} h1, h2, h3, b
{color:white;background-color:#525D76;}"""
    + "a {color:black;} " * 60
    + """</style></head>
<body><h1>HTTP Status 404 – Not Found</h1><hr class="line" /><p><b>Type</b> Status
Report</p><p><b>Message</b> No contact &#39;17&#39; in &quot;crm&quot;</p><p><b>Description</b>
The origin server did not find a current representation for the target resource.</p>
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
Cloudflare&apos;s network and the origin web server timed&nbsp;out.</p></div></body></html>"""

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
        400, JSON, {"requestId": "r1", "missing": ["näme"]}, ('{"missing":["näme"]}',)
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
        ("field required",),
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
        '{"error": {"code": 5, "message": "The quota of pr\\u00f6ject 17 is used up", "de',
        ("The quota of pröject 17 is used up",),
        ("{",),
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
            "The initial connection between Cloudflare's network and the origin web "
            "server timed out.",
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
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN""http://www.w3.org/TR/html4/'
        'strict.dtd">\r\n<HTML><HEAD><TITLE>Bad Request</TITLE></HEAD>\r\n<BODY><h2>Bad '
        "Request - Invalid Hostname</h2>\r\n<hr><p>HTTP Error 400. The request hostname "
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
        "Property Order->id_cart is not valid]]></message></error></errors></prestashop>",
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
        ("Invalid API key & user",),
    ),
    "xml-without-names": Body(
        500, XML, "<r><a>Disk</a><b>full</b></r>", ("Disk", "full"), ("<",)
    ),
    "xml-in-xml": Body(
        500,
        XML,
        '<?xml version="1.0"?><string xmlns="urn:x">&lt;?xml version="1.0"?&gt;&lt;error'
        "&gt;The job is running&lt;/error&gt;</string>",
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
    # No body, or one without words.
    "reason": Body(
        415,
        "",
        "",
        ("415 Unsupported Media Type: Expected 'text/xml'",),
        (),
        "Expected 'text/xml'",
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
                'Bearer realm="x", error="invalid_token", error_description="The access '
                'token expired"',
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
    # Charsets.
    "latin-1-undeclared": Body(
        400,
        "text/plain",
        "Größe fehlt für Café".encode("latin-1"),
        ("Größe fehlt für Café",),
    ),
    "windows-quotes": Body(
        400, "text/plain; charset=iso-8859-1", b"It isn\x92t \x80 5", ("It isn’t € 5",)
    ),
    "meta": Body(
        500,
        "text/html",
        '<html><head><meta charset="windows-1251"><title>Ошибка</title>'.encode(
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
