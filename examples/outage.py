"""What retries do to a server in trouble: a simulation of the real policies.

Run it with ``python examples/outage.py --picture outage.png``. The table needs
nothing but this library, the picture matplotlib. It takes 20 s.

Only time and the server are simulated. The policies are the real objects, asked
what urllib3 asks them, in its order, with their clock and their sleep patched.

- **Traffic**: thousands of clients send 100 requests a second, at random times.
  All are GETs: a POST is never repeated, so it adds no load.
- **Server**: fails as the scenario says. Besides, it can take 200 attempts in any
  one second, twice its normal load. While there are more, it answers all of them
  with 502, and these count too: a call that fails costs it as much as another.
  (If refusing cost it nothing, all policies would let it recover within seconds.)
- **Process**: has one policy and so one budget, which all its clients share. The
  reserve is per process: n of them may add n times 100 retries to an outage, as
  the last line of each block shows. Give many small processes small ones, as in
  ``CloudElementsRetry(budget=RetryBudget(reserve=5))``.

A block of the table is a scenario: 20 s of normal traffic, the trouble, 120 s of
normal traffic. Its columns, during the trouble and after it:

- **load**: attempts in that time for each first attempt in that time;
- **succeeded**: of the requests begun in that time, those with a 200 in the end;
- **recovered**: seconds from the end of the trouble to the last failure after it;
  never, if something still fails when the time is over.
"""

from __future__ import annotations

import argparse
import logging
import math
import random
from collections import Counter, deque
from heapq import heappop, heappush
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple
from unittest.mock import patch

from urllib3 import HTTPResponse, Retry
from urllib3.exceptions import MaxRetryError

from cloud_elements_errors import CloudElementsRetry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RATE = 100  # first attempts a second
CAPACITY = 200  # attempts in one second; when there are more, all of them fail
LATENCY = 0.1  # seconds that an attempt takes
BEFORE = 20  # seconds of normal traffic
TAIL = 10  # seconds after all that is counted, so that its last requests meet traffic


class Scenario(NamedTuple):
    """What goes wrong, and for how long."""

    title: str
    seconds: int
    failing: float = 0  # the share of attempts that fail
    surge: float = 1  # times the normal traffic
    after: int = 120  # seconds of normal traffic


SCENARIOS = [
    Scenario("total outage", 60, failing=1),
    Scenario("partial outage, 30 % fail", 60, failing=0.3),
    Scenario("overload, 3 times the traffic", 20, surge=3),
    Scenario("blips, 1 % fail", 600, failing=0.01),
]


def policies() -> dict[str, list[Retry]]:
    """Make the policies to compare: one for each process that sends."""
    copied = Retry(total=3, backoff_factor=1, status_forcelist=[500, 502, 503, 504])
    return {
        "no retry": [Retry(0)],
        "urllib3, as copied": [copied],
        "ours, budget=None": [CloudElementsRetry(budget=None)],
        "ours": [CloudElementsRetry()],
        "ours, 10 processes": [CloudElementsRetry() for _ in range(10)],
    }


class Outcome(NamedTuple):
    """What came of a scenario under a policy; see the top of the file."""

    load: float
    succeeded: float
    load_after: float
    succeeded_after: float
    recovered: float  # seconds; infinite for never
    answers: Counter[tuple[int, bool]]  # by second, and whether they were 200


class Answer(NamedTuple):
    """What came of one attempt."""

    time: float
    number: int  # of the request
    ok: bool


Results = dict[Scenario, dict[str, Outcome]]
Run = tuple[Scenario, str, list[Retry]]


class Clock:
    """Virtual time: what the policies read, and what their sleep moves on."""

    now = 0.0

    def time(self) -> float:
        """Stand in for `time.monotonic`."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Stand in for `time.sleep`."""
        self.now += seconds


class Server:
    """Fails as the scenario says, and when it has too much to do."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._scenario = scenario
        self._draw = random.Random(seed)  # noqa: S311 - chance, not secrets
        self._recent: deque[float] = deque()

    def answer(self, now: float) -> int:
        """Return the status for an attempt; attempts come in order of time."""
        self._recent.append(now)
        while self._recent[0] <= now - 1:
            self._recent.popleft()
        in_trouble = BEFORE <= now < BEFORE + self._scenario.seconds
        fails = in_trouble and self._draw.random() < self._scenario.failing
        return 502 if fails or len(self._recent) > CAPACITY else 200


def follow_up(policy: Retry, status: int) -> Retry | None:
    """Do with an answer what urllib3's ``urlopen`` does, up to the next attempt.

    Returns:
        The policy for it, after the wait; None if there is none.

    """
    body = b'{"requestId": "5f1f77bc", "message": "Failed Request"}'
    response = HTTPResponse(body, status=status, request_method="GET")
    has_retry_after = bool(response.headers.get("Retry-After"))
    if not policy.is_retry("GET", response.status, has_retry_after):
        return None
    try:
        policy = policy.increment("GET", "/contacts", response=response)
    except MaxRetryError:
        return None
    response.drain_conn()
    policy.sleep(response)
    return policy


def first_attempts(scenario: Scenario, seed: int) -> list[float]:
    """Draw when the requests begin: the same times for every policy."""
    draw = random.Random(seed)  # noqa: S311 - chance, not secrets
    trouble_ends = BEFORE + scenario.seconds
    times, now = [], 0.0
    while now < trouble_ends + scenario.after + TAIL:
        in_trouble = BEFORE <= now < trouble_ends
        now += draw.expovariate(RATE * scenario.surge if in_trouble else RATE)
        times.append(now)
    return times


def simulate(scenario: Scenario, processes: Sequence[Retry], seed: int) -> Outcome:
    """Send all requests of a scenario, each by the policy of its process."""
    random.seed(seed)  # the policies' jitter
    begun = first_attempts(scenario, seed)
    server, clock = Server(scenario, seed + 1), Clock()
    answers: list[Answer] = []
    # A heap, as it is sorted; no two events of the same request are in it.
    events = [(t, n, processes[n % len(processes)]) for n, t in enumerate(begun)]
    with (
        patch("time.monotonic", clock.time),
        patch("time.sleep", clock.sleep),
        patch.object(logging.getLogger("cloud_elements_errors"), "disabled", new=True),
    ):
        while events:
            clock.now, number, policy = heappop(events)
            status = server.answer(clock.now)
            answers.append(Answer(clock.now, number, status == 200))
            following = follow_up(policy, status)
            if following is not None:
                heappush(events, (clock.now + LATENCY, number, following))
    return measure(scenario, begun, answers)


def measure(scenario: Scenario, begun: list[float], answers: list[Answer]) -> Outcome:
    """Count what the columns of the table say."""
    ends = BEFORE + scenario.seconds
    over = ends + scenario.after
    succeeded = {answer.number for answer in answers if answer.ok}

    def load_and_success(start: float, stop: float) -> tuple[float, float]:
        requests = {n for n, time in enumerate(begun) if start <= time < stop}
        attempts = sum(start <= answer.time < stop for answer in answers)
        return attempts / len(requests), len(requests & succeeded) / len(requests)

    last_failure = max((a.time for a in answers if not a.ok), default=0.0)
    return Outcome(
        *load_and_success(BEFORE, ends),
        *load_and_success(ends, over),
        recovered=max(0, last_failure - ends) if last_failure < over else math.inf,
        answers=Counter((int(answer.time), answer.ok) for answer in answers),
    )


def table(results: Results) -> str:
    """Align the outcomes, in 80 columns."""
    lines = [
        f"{'during the trouble':>44}{'after it':>32}",
        f"{'load':>32}{'succeeded':>12}{'load':>10}{'succeeded':>12}{'recovered':>12}",
    ]
    for scenario, outcomes in results.items():
        lines += ["", f"{scenario.title}, {scenario.seconds} s"]
        for name, got in outcomes.items():
            never = math.isinf(got.recovered)
            lines.append(
                f"  {name:20}{got.load:10.3f}{got.succeeded:12.2%}"
                f"{got.load_after:10.3f}{got.succeeded_after:12.2%}"
                f"{'never' if never else f'{got.recovered:.1f} s':>12}"
            )
    return "\n".join(lines)


def draw_picture(scenario: Scenario, outcomes: dict[str, Outcome], file: str) -> None:
    """Draw the load over time for the first four policies, if matplotlib is there."""
    try:
        pyplot = import_module("matplotlib.pyplot")
    except ImportError:
        print("No picture: it needs matplotlib.")
        return
    pyplot.switch_backend("agg")
    figure, panels = pyplot.subplots(2, 2, sharex=True, sharey=True, figsize=(9, 5))
    seconds = range(BEFORE + scenario.seconds + scenario.after)
    labels = ["answered 200", "answered 502"]
    colors = ["#0072b2", "#e69f00"]  # the colour-blind tell them apart as well
    for (name, got), panel in zip(outcomes.items(), panels.flat, strict=False):
        counts = ([got.answers[s, ok] for s in seconds] for ok in (True, False))
        panel.stackplot(seconds, *counts, labels=labels, colors=colors)
        trouble = (BEFORE, BEFORE + scenario.seconds)
        panel.axvspan(*trouble, color="black", alpha=0.15, lw=0, label=scenario.title)
        panel.axhline(CAPACITY, color="0.2", lw=1, ls="--", label="server's capacity")
        panel.set_title(name, loc="left", fontweight="bold")
        panel.spines[["top", "right"]].set_visible(False)
        panel.margins(x=0)
    figure.supxlabel("seconds", fontsize=10)
    figure.supylabel("attempts a second", fontsize=10)
    handles = panels[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="upper center", ncols=4, frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.95))
    figure.savefig(file, dpi=100)
    pyplot.close(figure)


def progress(runs: list[Run]) -> Iterable[Run]:
    """Show a bar on a terminal, if tqdm is there."""
    try:
        tqdm = import_module("tqdm").tqdm
    except ImportError:
        return runs
    bar: Iterable[Run] = tqdm(runs, disable=None, leave=False)  # on stderr
    return bar


def main(argv: Sequence[str] | None = None) -> Results:
    """Simulate, print the table, draw the picture."""
    parser = argparse.ArgumentParser(description="What retries do in an outage.")
    parser.add_argument("--picture", metavar="FILE", help="draw the total outage")
    parser.add_argument("--seed", type=int, default=1, help="of all chance (1)")
    parser.add_argument("--quick", action="store_true", help="shorter, but for outages")
    arguments = parser.parse_args(argv)
    scenarios = SCENARIOS
    if arguments.quick:
        scenarios = [
            scenario._replace(seconds=min(scenario.seconds, 120), after=10)
            for scenario in SCENARIOS
        ]
    results: Results = {scenario: {} for scenario in scenarios}
    runs = [(s, *policy) for s in scenarios for policy in policies().items()]
    for scenario, name, processes in progress(runs):
        results[scenario][name] = simulate(scenario, processes, arguments.seed)
    print(table(results))
    if arguments.picture:
        draw_picture(scenarios[0], results[scenarios[0]], arguments.picture)
    return results


if __name__ == "__main__":
    main()
