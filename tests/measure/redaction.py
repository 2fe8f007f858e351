"""Measure the redaction: useful words hidden, secrets that survive, and seconds.

The messages are shaped after public reports of many providers; the credentials are
made up. Each message is the text of a provider, or a whole JSON body.
"""

# ruff: noqa: T201 - it prints figures

from __future__ import annotations

import json
import pickle
import time
from pathlib import Path

from cloud_elements_errors import error_from_parts

DATA = Path(__file__).parents[1] / "data" / "messages_with_secrets.json"


def shown_of(case: dict) -> tuple[str, str]:
    """Return what an error shows of a message, and all that leaves the process."""
    says = case["says"]
    body = says
    if isinstance(says, str):
        body = {"message": "Request failed", "providerMessage": says}
    error = error_from_parts(
        400,
        json.dumps(body, ensure_ascii=False),
        method="GET",
        url=case["url"],
        request_headers=case["headers"],
    )
    plain = (
        error_from_parts(400, says, url=case["url"], request_headers=case["headers"])
        if isinstance(says, str)
        else error
    )
    texts = [
        one
        for each in (error, plain)
        for one in (
            each.text,
            each.message or "",
            each.provider_message or "",
            json.dumps(dict(each.details), ensure_ascii=False),
        )
    ]
    out = [str(error), str(plain), json.dumps(plain.to_dict(), ensure_ascii=False)]
    out.append(json.dumps(error.to_dict(), ensure_ascii=False))
    out.append(pickle.dumps(error).decode("utf-8", "replace"))
    return "\n".join(texts), "\n".join([*texts, *out])


def seconds(headers: dict[str, str], body: bytes, url: str = "https://h/c") -> float:
    """Return the best of five times for one error."""
    times = []
    for number in range(5):
        sent = {
            name: value.replace("#", str(number)) for name, value in headers.items()
        }
        begin = time.perf_counter()
        error = error_from_parts(400, body, url=url, request_headers=sent)
        str(error), error.to_dict()
        times.append(time.perf_counter() - begin)
    return min(times)


def main() -> None:
    """Print the figures."""
    cases = json.loads(DATA.read_text("utf-8"))
    words = secrets = hidden = survived = 0
    for case in cases:
        shown, everything = shown_of(case)
        words += len(case["words"])
        secrets += len(case["secrets"])
        for word in case["words"]:
            if word not in shown:
                hidden += 1
                print(f"hidden: {case['id']}: {word}")
        for secret in case["secrets"]:
            if secret in everything:
                survived += 1
                print(f"survives: {case['id']}: {secret}")
    print(f"{len(cases)} messages: {hidden} of {words} useful words are hidden, ")
    print(f"and {survived} of {secrets} secrets survive")

    token = "eyJhbGciOiJIUzI1NiJ9.#" + "aB3-_9" * 680
    cookies = "; ".join(f"c{n}=aB3%2Bx#{n:03}yZ9/+{n * 7919}" for n in range(200))
    unit = '{"token":"a1b2c3d4","x":"\\u0041%41&amp;Bearer a1b2c3d4 "},'
    small = json.dumps({"message": "No contact found", "requestId": "5b0437c6e4b0"})
    hostile = ('{"a":[' + unit * (65_000 // len(unit)) + "{}]}").encode()
    for name, headers, body in (
        (
            "a 409 with three secrets",
            {"Authorization": "User u5kT+1x#, Organization 9b1f4cc1e#, Element Zk3T#="},
            small.encode(),
        ),
        ("a token of 4 KiB", {"Authorization": f"Bearer {token}"}, small.encode()),
        ("200 cookies", {"Cookie": cookies}, small.encode()),
        (
            "a hostile body of 64 KiB",
            {"Authorization": f"Bearer {token[:300]}"},
            hostile,
        ),
        (
            "all of them",
            {"Authorization": f"Bearer {token}", "Cookie": cookies},
            hostile,
        ),
    ):
        print(f"{seconds(headers, body) * 1000:8.2f} ms: {name}")


if __name__ == "__main__":
    main()
