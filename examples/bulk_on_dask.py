"""Update 2,000 records on a Dask cluster, and report each failure.

Run it with ``python examples/bulk_on_dask.py``. It needs ``dask[distributed]`` and
``tqdm``. Dask distributes the work. The session retries what is safe to retry. Its
errors are pickled on the workers, and arrive complete.

Each worker process has a retry budget of its own, which depends on its own successes.
So the workers need no coordination, however many there are.
"""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from typing import NamedTuple

from dask.distributed import (
    Client,
    LocalCluster,
    Worker,
    WorkerPlugin,
    as_completed,
    get_worker,
)
from tqdm import tqdm

from cloud_elements_errors import CloudElementsError, CloudElementsSession
from cloud_elements_errors.testing import FakeCloudElements


class Trouble(NamedTuple):
    """A failure that the server has for some of the records."""

    first: int
    every: int
    status: int
    words: str
    responses: int  # how many such responses are queued for each of these records
    arrivals: int  # how often each of these records must arrive


# The steps are multiples of 5, so no record has two of them.
TROUBLES = [
    Trouble(1, 40, 502, "Connection reset by peer", 1, 2),  # the first retry succeeds
    Trouble(2, 100, 502, "Invalid Reference Id", 4, 4),  # no retry succeeds
    Trouble(3, 125, 409, "Item with the same name already exists", 1, 1),
    Trouble(4, 200, 400, "3100 - message=Invalid email; errorCode=003100", 1, 1),
]


class OneSession(WorkerPlugin):
    """Gives each worker a session."""

    def setup(self, worker: Worker) -> None:
        """Open the session. Its log lines would break the progress bar."""
        worker.session = CloudElementsSession(timeout=30)
        logging.getLogger("cloud_elements_errors").setLevel(logging.ERROR)

    def teardown(self, worker: Worker) -> None:
        """Close the session."""
        worker.session.close()


def update(number: int, base: str) -> None:
    """Update one record; this runs on a worker."""
    get_worker().session.put(f"{base}/contacts/{number}", json={"active": True})


def update_all(client: Client, base: str, count: int) -> dict[int, CloudElementsError]:
    """Update all records, and return the errors of those that failed."""
    client.register_plugin(OneSession())
    futures = client.map(update, range(count), base=base, pure=False)
    numbers = {future.key: number for number, future in enumerate(futures)}
    failed = {}
    done = as_completed(futures, raise_errors=False)
    # The bar is for terminals: without one, tqdm shows nothing.
    for future in tqdm(done, total=count, unit="records", disable=None):
        try:
            future.result()
        except CloudElementsError as error:
            failed[numbers[future.key]] = error
    return failed


def report(count: int, failed: dict[int, CloudElementsError]) -> None:
    """Print the failures by kind, then each with its request id for support."""
    print(f"{count:,} records: {count - len(failed):,} updated, {len(failed):,} failed")
    kinds = Counter(
        (type(error).__name__, error.provider_message) for error in failed.values()
    )
    for (name, words), times in kinds.most_common():
        print(f"{times:5}  {name}: {words}")
    print("\nrecord  request id                attempts  exception")
    for number, error in sorted(failed.items()):
        tried = len(error.attempts)
        print(f"{number:6}  {error.request_id}  {tried:8}  {type(error).__name__}")


def prepare(platform: FakeCloudElements, count: int) -> Counter[str]:
    """Queue the failures; return how often each record must arrive."""
    expected = Counter(f"/contacts/{number}" for number in range(count))
    for trouble in TROUBLES:
        for number in range(trouble.first, count, trouble.every):
            path = f"/contacts/{number}"
            expected[path] = trouble.arrivals
            platform.reply(
                trouble.status,
                provider_message=trouble.words,
                times=trouble.responses,
                path=path,
            )
    return expected


def main() -> None:
    """Update the records, and compare with what the server has received."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=2000)
    count = parser.parse_args().records
    with (
        FakeCloudElements() as platform,
        # Otherwise Dask logs each failure with its traceback.
        LocalCluster(
            n_workers=4,
            threads_per_worker=4,
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        expected = prepare(platform, count)
        failed = update_all(client, platform.url, count)
        arrived = Counter(request.path for request in platform.requests)
    report(count, failed)
    if arrived != expected:
        raise SystemExit(f"too often {arrived - expected}, lost {expected - arrived}")
    print(f"\nNothing was lost or done twice: the server got {arrived.total():,} PUTs.")


if __name__ == "__main__":
    main()
