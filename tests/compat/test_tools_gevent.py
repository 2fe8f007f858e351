"""gevent: greenlets on one session are kept apart as threads are.

Each case runs in a process of its own, since ``patch_all()`` is for ever; the
platform stays in this one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloud_elements_errors.testing import FakeCloudElements

GREENLETS = 50

HEAD = """
from gevent import monkey
monkey.patch_all()
import json, sys, time
import gevent, requests
from gevent.pool import Group
from cloud_elements_errors import *
from cloud_elements_errors.testing import no_wait
url, count = sys.argv[1], int(sys.argv[2])

def outcome(call):
    try:
        return {"json": call().json()}
    except CloudElementsError as error:
        return error.to_dict()
"""


def run(code: str, platform: FakeCloudElements) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", HEAD + code, platform.url, str(GREENLETS)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_each_greenlet_gets_its_own_answer(platform: FakeCloudElements):
    """50 on one session: successes, errors, and one retry for each, none mixed up."""
    for n in range(GREENLETS):
        platform.reply(502, path=f"/{n}", request_id=f"first-{n}")
        if n % 2:
            platform.reply(409, path=f"/{n}", request_id=f"id-{n}")
        else:
            platform.reply(200, path=f"/{n}", body={"id": n})
    outcomes = run(
        """
session = CloudElementsSession(max_retries=CloudElementsRetry(budget=None))
with no_wait():
    print(json.dumps(Group().map(
        lambda n: outcome(lambda: session.get(f"{url}/{n}")), range(count)
    )))
""",
        platform,
    )
    assert len(platform.requests) == 2 * GREENLETS
    assert outcomes[::2] == [{"json": {"id": n}} for n in range(0, GREENLETS, 2)]
    assert [
        [attempt["request_id"] for attempt in error["attempts"]]
        for error in outcomes[1::2]
    ] == [[f"first-{n}", f"id-{n}"] for n in range(1, GREENLETS, 2)]


def test_the_wait_before_a_retry_lets_the_others_go_on(platform: FakeCloudElements):
    """While one waits, the 49 others finish: they do so before its wait ends at all."""
    platform.reply(502, path="/0")
    finished = run(
        """
finished = []
sleep = time.sleep  # gevent's

def long_sleep(seconds):
    while len(finished) < count - 1:
        sleep(0.01)

time.sleep = long_sleep
session = CloudElementsSession(max_retries=CloudElementsRetry(backoff_max=1e-9))
# A wait is drawn, and could be 0; this one is not.
CloudElementsRetry.get_backoff_time = lambda policy: 1.0

def get(n):
    session.get(f"{url}/{n}")
    finished.append(n)

group = Group()
group.map(get, range(count))
print(json.dumps(finished))
""",
        platform,
    )
    assert len(finished) == GREENLETS
    assert finished[-1] == 0
    assert len(platform.requests) == GREENLETS + 1


def test_the_policy_of_each_request_stays_with_its_greenlet(
    platform: FakeCloudElements,
):
    """Also where greenlets switch between making the policy and using it.

    Half of the bodies can be sent again. With a neighbour's policy, the others
    would be too, empty, and these would not.
    """
    for n in range(GREENLETS):
        platform.reply(502, path=f"/{n}")
    outcomes = run(
        """
class Switching(CloudElementsAdapter):
    def add_headers(self, request, **kwargs):
        gevent.sleep(0)  # HTTPAdapter.send asks for the policy after this

session = requests.Session()
session.mount("http://", Switching(max_retries=CloudElementsRetry(budget=None)))

def put(n):
    data = (part for part in [b"once"]) if n % 2 else b"again"
    return outcome(lambda: session.put(f"{url}/{n}", data=data))

with no_wait():
    print(json.dumps(Group().map(put, range(count))))
""",
        platform,
    )
    assert outcomes[::2] == [{"json": {}}] * (GREENLETS // 2)
    assert {error["stopped_by"] for error in outcomes[1::2]} == {"body"}
    arrived = sorted((int(r.path[1:]), r.body) for r in platform.requests)
    assert arrived == sorted(
        (n, body)
        for n in range(GREENLETS)
        for body in ([b"once"] if n % 2 else [b"again"] * 2)
    )


def test_greenlets_may_send_one_prepared_request(platform: FakeCloudElements):
    """Each send goes by its own session's settings, whoever else is sending it.

    Afterwards the request has its own hooks again.
    """
    platform.reply(404, body={"message": "gone"}, times=GREENLETS)
    outcomes, hooks = run(
        """
sessions = [CloudElementsSession(passthrough={404}), CloudElementsSession()]
for session in sessions:
    # With our adapter it could not go wrong: it sets the hook after the answer.
    session.mount("http://", requests.adapters.HTTPAdapter())
request = requests.Request("GET", url).prepare()
outcomes = Group().map(
    lambda n: outcome(lambda: sessions[n % 2].send(request)), range(count)
)
print(json.dumps([outcomes, request.hooks]))
""",
        platform,
    )
    assert outcomes[::2] == [{"json": {"message": "gone"}}] * (GREENLETS // 2)
    assert [error["type"] for error in outcomes[1::2]] == ["NotFoundError"] * (
        GREENLETS // 2
    )
    assert hooks == {"response": []}


def test_a_time_limit_that_looks_like_a_failure(platform: FakeCloudElements):
    """gevent throws what the program gave it, and that ends the call."""
    platform.reply(200, delay=60, path="/silent", times=None)
    outcome = run(
        """
seen = []
for limit in (TimeoutError("limit"), requests.Timeout("limit"), None):
    try:
        with gevent.Timeout(0.3, limit):
            CloudElementsSession().get(url + "/silent")
    except BaseException as error:
        seen.append(type(error).__name__)
print(json.dumps(seen))
""",
        platform,
    )
    assert outcome == ["TimeoutError", "Timeout", "Timeout"]
