"""Errors that travel through Dask and Celery, over loopback and files alone."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest
from celery import Celery
from dask.distributed import Client, LocalCluster

from cloud_elements_errors import (
    CloudElementsError,
    CloudElementsRetry,
    CloudElementsSession,
)

# What the distributors do with their own sockets, loops and threads.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

EXAMPLE = Path(__file__).parents[2] / "examples" / "bulk_on_dask.py"

SECRET = "84hF0aYpQ2"


def make_send():
    """Make the task: a local function, since no worker can import this module."""

    def send(url):
        """Send a request with a secret, and retry it once."""
        policy = CloudElementsRetry(1, backoff_factor=0)
        with CloudElementsSession(max_retries=policy, timeout=20) as session:
            session.headers["Authorization"] = f"Element {SECRET}="
            return session.get(url).status_code

    return send


send = make_send()


def local_error(platform, answer):
    """Return the error that is raised here, and queue the same answers again."""
    for _ in range(2):
        times = 2 if answer["status"] in {500, 502} else 1
        platform.reply(**{"request_id": "5858a8e2", "times": times, **answer})
    with pytest.raises(CloudElementsError) as caught:
        send(platform.url)
    return caught.value


def check_arrived(arrived, local):
    """Check that an error from another process is the one that is raised here."""
    assert type(arrived) is type(local)
    assert arrived.args == local.args
    assert arrived.to_dict() == local.to_dict()
    assert arrived.response.status_code == local.response.status_code
    assert arrived.response.text == local.response.text
    assert arrived.response.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert arrived.request.headers["Authorization"] == "[redacted]"


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=True, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def test_dask(platform, client, answer):
    """An error raised in a task is the same here, its response included."""
    local = local_error(platform, answer)
    future = client.submit(make_send(), platform.url, pure=False)
    check_arrived(future.exception(), local)
    with pytest.raises(type(local)) as caught:
        future.result()
    check_arrived(caught.value, local)
    assert len(platform.requests) == 2 * len(local.attempts)


def test_bulk_on_dask():
    """The example accounts for every record: none is lost, none is done twice."""
    done = subprocess.run(
        [sys.executable, EXAMPLE, "--records", "205"],
        check=True,
        capture_output=True,
        text=True,
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "205 records: 198 updated, 7 failed"
    assert lines[1] == "    3  FailedRequestError: Invalid Reference Id"
    assert sorted(lines[2:4]) == [
        "    2  BadRequestError: 3100 - message=Invalid email; errorCode=003100",
        "    2  ConflictError: Item with the same name already exists",
    ]
    failed = [line.split() for line in lines[6:13]]
    assert [int(number) for number, *_ in failed] == [2, 3, 4, 102, 128, 202, 204]
    assert len({request_id for _, request_id, *_ in failed}) == 7
    assert Counter(tuple(kind) for _, _, *kind in failed) == {
        ("4", "FailedRequestError"): 3,
        ("1", "ConflictError"): 2,
        ("1", "BadRequestError"): 2,
    }
    # 205, the 6 that healed a second time, and 3 more for each lasting 502.
    assert lines[-1].endswith("the server got 220 PUTs.")
    assert done.stderr == ""  # no bar without a terminal, no log lines


def celery_app(folder, serializer):
    """Make the application: messages and results are files in the folder."""
    app = Celery("tests", broker="filesystem://", backend=f"file://{folder}/results")
    app.conf.update(
        broker_transport_options={
            "data_folder_in": f"{folder}/messages",
            "data_folder_out": f"{folder}/messages",
            "control_folder": f"{folder}/control",
        },
        result_serializer=serializer,
        result_accept_content=["json", "pickle"],
        broker_connection_retry_on_startup=True,
        worker_hijack_root_logger=False,
    )
    app.task(send, name="send")
    return app


@contextmanager
def celery_worker(folder, serializer):
    """Run a worker in a process of its own."""
    for name in ("messages", "control", "results"):
        (folder / name).mkdir()
    command = [sys.executable, __file__, str(folder), serializer]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield celery_app(folder, serializer).tasks["send"]
        finally:
            process.kill()


@pytest.fixture(scope="module")
def pickling(tmp_path_factory):
    with celery_worker(tmp_path_factory.mktemp("pickle"), "pickle") as task:
        yield task


@pytest.fixture(scope="module")
def json_only(tmp_path_factory):
    with celery_worker(tmp_path_factory.mktemp("json"), "json") as task:
        yield task


def test_celery_pickle(platform, pickling, answer):
    """With pickled results, an error raised in a Celery worker is the same here."""
    local = local_error(platform, answer)
    with pytest.raises(type(local)) as caught:
        pickling.delay(platform.url).get(timeout=60)
    check_arrived(caught.value, local)


def test_celery_json(platform, json_only, answer):
    """With JSON, which Celery's default is, the type and the text survive."""
    local = local_error(platform, answer)
    with pytest.raises(type(local)) as caught:
        json_only.delay(platform.url).get(timeout=60)
    assert type(caught.value) is type(local)
    assert str(caught.value) == str(local)


if __name__ == "__main__":
    celery_app(*sys.argv[1:]).worker_main(
        ["worker", "--pool=solo", "--without-gossip", "--without-mingle", "-l", "error"]
    )
