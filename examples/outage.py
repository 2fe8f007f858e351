"""Simulate what retries do in an outage, and to a lone job, with the real policies.

Run it with ``python examples/outage.py --picture outage.png``. It needs botocore
for one of its rows, and matplotlib for the picture. It takes about a minute.

Only the time and the server are simulated. The policies are the real objects. The
simulation calls the methods that urllib3 calls, in the same order, and replaces the
clock and the sleep of the policies.

A fleet in trouble:

- **Traffic**: thousands of clients send 100 requests a second, at random times.
  All are GETs: a POST is never repeated, so it adds no load.
- **Server**: it fails as the scenario says. It can take 200 attempts in any one
  second, twice its normal load. If there are more, it fails all of them with a 502.
  A failed attempt costs it as much as any other. (If it cost nothing, the server
  would recover within seconds under all policies.)
- **Fleet**: the same traffic comes from 1, 10, 100 or 1,000 processes. Each has
  its own policy and does not know of the others.

A scenario has 20 s of normal traffic, then the trouble (an outage or an overload),
then 60 s of normal traffic. Each block of the first table shows one figure of it, for
each policy and fleet:

- **load**: attempts during the trouble, divided by the requests that begin in it;
- **succeeded**: of the requests that begin during the trouble, those that get a 200.

A ``!`` marks a run in which the server never recovered: it still failed at normal
traffic, when the trouble was over.

A lone job: one process works through a list of records, one after the other. The
server fails some attempts by chance, and the requests for some records for ever, as a
502 often does. The second table shows, for each share of such records, how many of the
*other* requests that fail at first are **healed** by a retry.

The rows are no retry; urllib3's `Retry` as people copy it; our policy; and our policy
with the budget of another library:

- botocore's own `RetryQuota`, as its standard mode uses it;
- gRPC's throttle, as in gRFC A6 ("Throttling Retry Attempts and Hedged RPCs"), with
  the numbers of its example;
- Finagle's `RetryBudget`, with its defaults.
"""

from __future__ import annotations

import argparse
import logging
import math
import random
from collections import deque
from contextlib import contextmanager
from heapq import heappop, heappush
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

from urllib3 import HTTPResponse, Retry
from urllib3.exceptions import MaxRetryError

from cloud_elements_errors import CloudElementsRetry, RetryBudget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

FLEETS = (1, 10, 100, 1000)  # processes that share the traffic
RATE = 100  # first attempts a second, of all processes together
CAPACITY = 200  # attempts in one second; when there are more, all of them fail
LATENCY = 0.1  # seconds that an attempt takes
BEFORE = 20  # seconds of normal traffic
TAIL = 10  # seconds of traffic after the part that is counted


class Scenario(NamedTuple):
    """What fails, for how long, and which figure shows it."""

    title: str
    seconds: int
    failing: float = 0  # the share of attempts that fail
    surge: float = 1  # times the normal traffic
    after: int = 60  # seconds of normal traffic
    shows: str = "succeeded"


TOTAL = Scenario("total outage", 60, failing=1, shows="load")
PARTIAL = Scenario("partial outage, 30 % fail", 60, failing=0.3)
OVERLOAD = Scenario("overload, 3 times the traffic", 20, surge=3, shows="load")
NEAR = Scenario("near the limit, 1.9 times the traffic", 60, surge=1.9)
BLIPS = Scenario("blips, 1 % fail", 120, failing=0.01)
SCENARIOS = [TOTAL, PARTIAL, OVERLOAD, NEAR, BLIPS]

SHARES = (0, 0.05, 0.1, 0.2, 0.3)  # of the records that fail for ever


class Job(NamedTuple):
    """What a lone process sends."""

    title: str
    requests: int
    every: float  # seconds from one request to the next, if none is retried
    failing: float  # the share of attempts that fail by chance
    runs: int  # how often it is simulated


BATCH = Job("600 requests, 10 a second, 5 % of attempts fail", 600, 0.1, 0.05, 20)
SHORT = Job("20 requests, 10 a second, 10 % of attempts fail", 20, 0.1, 0.1, 200)
CRON = Job("a request every 30 s for 10 h, 10 % of attempts fail", 1200, 30, 0.1, 5)
JOBS = [BATCH, SHORT, CRON]


class OtherBudget(RetryBudget):
    """A budget with the arithmetic of another library."""

    def requested(self) -> None:
        """Note that a request begins."""

    def failed(self) -> None:
        """Note that an attempt has failed."""


class BotocoreQuota(OtherBudget):
    """botocore's RetryQuota, used as its `RetryQuotaChecker` uses it."""

    def __init__(self) -> None:
        super().__init__()
        checker = import_module("botocore.retries.standard").RetryQuotaChecker
        self._quota = import_module("botocore.retries.quota").RetryQuota()
        self._cost = checker._RETRY_COST
        self._success = checker._NO_RETRY_INCREMENT

    def withdraw(self, *, further: bool = False) -> bool:  # noqa: ARG002
        """Pay for a retry."""
        return bool(self._quota.acquire(self._cost))

    def deposit(self) -> None:
        """Add for a success."""
        self._quota.release(self._success)

    def refund(self) -> None:
        """Give back the cost of the retry. `deposit` has already been called for it."""
        self._quota.release(self._cost - self._success)


class GrpcThrottle(OtherBudget):
    """GRFC A6: 10 tokens, a failure costs 1, a success adds 0.1, retries above 5."""

    def __init__(self) -> None:
        super().__init__()
        self._throttle = 10.0

    def failed(self) -> None:
        """Take a token for every failure, retried or not."""
        self._throttle = max(0, self._throttle - 1)

    def withdraw(self, *, further: bool = False) -> bool:  # noqa: ARG002
        """Allow retries while more than half is left."""
        return self._throttle > 10 / 2

    def deposit(self) -> None:
        """Add for a success."""
        self._throttle = min(10, self._throttle + 0.1)

    def refund(self) -> None:
        """Do nothing: a retry that succeeds counts like any success."""


class FinagleBudget(OtherBudget):
    """Finagle's RetryBudget: a fifth of the last 10 s' requests, and 10 a second."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._entries: deque[tuple[float, float]] = deque()
        self._balance = 10.0 * 10

    def _enter(self, amount: float) -> None:
        self._entries.append((self._clock.now + 10, amount))
        self._balance += amount

    def _expire(self) -> None:
        while self._entries and self._entries[0][0] <= self._clock.now:
            self._balance -= self._entries.popleft()[1]

    def requested(self) -> None:
        """Add for every request."""
        self._expire()
        self._enter(0.2)

    def withdraw(self, *, further: bool = False) -> bool:  # noqa: ARG002
        """Pay for a retry."""
        self._expire()
        if self._balance < 1 - 1e-9:
            return False
        self._enter(-1)
        return True

    def deposit(self) -> None:
        """Do nothing: only requests add to this budget."""

    def refund(self) -> None:
        """Do nothing: this budget gives no token back."""


class Clock:
    """A virtual clock. The sleep of the policies advances it."""

    now = 0.0

    def time(self) -> float:
        """Stand in for `time.monotonic`."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Stand in for `time.sleep`."""
        self.now += seconds


class Policy(NamedTuple):
    """A row: how to make the policy of a process, and if the fleet's size matters."""

    make: Callable[[Clock], Retry]
    has_budget: bool = True


COPIED = Retry(total=3, backoff_factor=1, status_forcelist=[500, 502, 503, 504])
OURS = "ours"
POLICIES = {
    "no retry": Policy(lambda _: Retry(0), has_budget=False),
    "urllib3, as people copy it": Policy(lambda _: COPIED, has_budget=False),
    OURS: Policy(lambda _: CloudElementsRetry()),
    "botocore's quota": Policy(lambda _: CloudElementsRetry(budget=BotocoreQuota())),
    "gRPC's throttle": Policy(lambda _: CloudElementsRetry(budget=GrpcThrottle())),
    "Finagle's budget": Policy(
        lambda clock: CloudElementsRetry(budget=FinagleBudget(clock))
    ),
    "ours, budget=None": Policy(
        lambda _: CloudElementsRetry(budget=None), has_budget=False
    ),
}


class Outcome(NamedTuple):
    """The result of a scenario under a policy; see the top of the file."""

    load: float
    succeeded: float
    recovered: float  # seconds from the end of the trouble to the last failure, or inf


Results = dict[Scenario, dict[str, dict[int, Outcome]]]
Healed = dict[Job, dict[str, dict[float, float]]]


class Server:
    """A server that fails as the scenario says, and above its capacity."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._scenario = scenario
        self._draw = random.Random(seed)  # noqa: S311 - chance, not secrets
        self._recent: deque[float] = deque()

    def respond(self, now: float) -> int:
        """Return the status for an attempt. Attempts must come in order of time."""
        self._recent.append(now)
        while self._recent[0] <= now - 1:
            self._recent.popleft()
        in_trouble = BEFORE <= now < BEFORE + self._scenario.seconds
        fails = in_trouble and self._draw.random() < self._scenario.failing
        return 502 if fails or len(self._recent) > CAPACITY else 200


def follow_up(policy: Retry, status: int) -> Retry | None:
    """Handle a response as urllib3's ``urlopen`` does, up to the next attempt.

    Returns:
        The policy for it, after the wait; None if there is none.

    """
    if not policy.is_retry("GET", status, has_retry_after=False):
        return None
    body = b'{"requestId": "5f1f77bc", "message": "Failed Request"}'
    response = HTTPResponse(body, status=status, request_method="GET")
    try:
        policy = policy.increment("GET", "/contacts", response=response)
    except MaxRetryError:
        return None
    response.drain_conn()
    policy.sleep(response)
    return policy


def first_attempts(scenario: Scenario, seed: int) -> list[float]:
    """Draw the start times of the requests: the same for every policy."""
    draw = random.Random(seed)  # noqa: S311 - chance, not secrets
    trouble_ends = BEFORE + scenario.seconds
    times, now = [], 0.0
    while now < trouble_ends + scenario.after + TAIL:
        in_trouble = BEFORE <= now < trouble_ends
        now += draw.expovariate(RATE * scenario.surge if in_trouble else RATE)
        times.append(now)
    return times


@contextmanager
def virtual_time(clock: Clock, seed: int) -> Iterator[None]:
    """Let the policies see the clock, draw their waits by the seed, and not log."""
    with (
        patch("time.monotonic", clock.time),
        patch("time.sleep", clock.sleep),
        patch(
            "cloud_elements_errors._retries.policy._random",
            random.Random(seed),  # noqa: S311 - chance, not secrets
        ),
        patch.object(logging.getLogger("cloud_elements_errors"), "disabled", new=True),
    ):
        yield


def simulate(scenario: Scenario, policy: Policy, fleet: int, seed: int) -> Outcome:
    """Send all requests of a scenario, each with the policy of its process."""
    begun = first_attempts(scenario, seed)
    server, clock = Server(scenario, seed + 1), Clock()
    attempts: list[tuple[float, int, bool]] = []
    with virtual_time(clock, seed):
        processes = [policy.make(clock) for _ in range(fleet)]
        # A sorted list is a heap. A request has at most one event in it.
        events = [(t, n, processes[n % fleet]) for n, t in enumerate(begun)]
        while events:
            clock.now, number, retry = heappop(events)
            now = clock.now
            status = server.respond(now)
            attempts.append((now, number, status == 200))
            tell(getattr(retry, "budget", None), now == begun[number], status)
            following = follow_up(retry, status)
            if following is not None:
                heappush(events, (clock.now + LATENCY, number, following))
    return measure(scenario, begun, attempts)


def tell(budget: Any, is_first: bool, status: int) -> None:
    """Tell the budget of another library what our budget does not need to know."""
    if isinstance(budget, OtherBudget):
        if is_first:
            budget.requested()
        if status != 200:
            budget.failed()


def measure(
    scenario: Scenario, begun: list[float], attempts: list[tuple[float, int, bool]]
) -> Outcome:
    """Compute the figures of the table."""
    ends = BEFORE + scenario.seconds
    requests = {n for n, time in enumerate(begun) if BEFORE <= time < ends}
    succeeded = {number for _, number, ok in attempts if ok}
    load = sum(BEFORE <= time < ends for time, _, _ in attempts) / len(requests)
    last_failure = max((time for time, _, ok in attempts if not ok), default=0.0)
    return Outcome(
        load,
        len(requests & succeeded) / len(requests),
        max(0, last_failure - ends)
        if last_failure < ends + scenario.after
        else math.inf,
    )


def heal(job: Job, policy: Policy, permanent: float, seed: int) -> tuple[int, int]:
    """Run a lone job; count the requests that failed at first, and those healed.

    Requests for records that fail for ever are not counted.
    """
    draw = random.Random(seed)  # noqa: S311 - chance, not secrets
    clock = Clock()
    failed = healed = 0
    with virtual_time(clock, seed):
        process = policy.make(clock)
        for number in range(job.requests):
            clock.now = max(clock.now, number * job.every)
            hopeless = draw.random() < permanent
            retry: Retry | None = process
            attempts, status = 0, 0
            while retry is not None:
                fails = hopeless or draw.random() < job.failing
                status = 502 if fails else 200
                tell(getattr(retry, "budget", None), not attempts, status)
                retry = follow_up(retry, status)
                attempts += 1
                clock.now += LATENCY
            if not hopeless and (attempts > 1 or status != 200):
                failed += 1
                healed += status == 200
    return failed, healed


def run_jobs(jobs: Sequence[Job], seed: int) -> Healed:
    """Simulate every policy in every job, for each share of permanent failures."""
    results: Healed = {job: {} for job in jobs}
    cells = [
        (job, name, share) for job in jobs for name in POLICIES for share in SHARES
    ]
    for job, name, share in progress(cells):
        runs = [
            heal(job, POLICIES[name], share, seed + number)
            for number in range(job.runs)
        ]
        failed, healed = map(sum, zip(*runs, strict=True))
        results[job].setdefault(name, {})[share] = healed / failed
    return results


def run(scenarios: Sequence[Scenario], seed: int) -> Results:
    """Simulate every policy in every scenario."""
    runs = [
        (scenario, name, fleet)
        for scenario in scenarios
        for name, policy in POLICIES.items()
        for fleet in (FLEETS if policy.has_budget else FLEETS[:1])
    ]
    results: Results = {scenario: {} for scenario in scenarios}
    for scenario, name, fleet in progress(runs):
        outcome = simulate(scenario, POLICIES[name], fleet, seed)
        # Without a budget, the size of the fleet makes no difference.
        same = (fleet,) if POLICIES[name].has_budget else FLEETS
        outcomes = results[scenario].setdefault(name, {})
        outcomes.update(dict.fromkeys(same, outcome))
    return results


def table(results: Results) -> str:
    """Return the table, with a column for each fleet."""
    lines = [f"{'processes':28}" + "".join(f"{fleet:>11,}" for fleet in FLEETS)]
    for scenario, rows in results.items():
        what = f"{scenario.title}, {scenario.seconds} s: {scenario.shows}"
        lines += ["", what]
        for name, outcomes in rows.items():
            cells = (cell(scenario, outcomes[fleet]) for fleet in FLEETS)
            lines.append(f"  {name:26}" + "".join(cells))
    return "\n".join([*lines, "", "!: the server never recovered"])


def table_of_jobs(results: Healed) -> str:
    """Return the table, with a column for each share of permanent failures."""
    lines = [
        f"{'records that fail for ever':28}" + "".join(f"{n:>9.0%}" for n in SHARES)
    ]
    for job, rows in results.items():
        lines += ["", f"{job.title}: healed"]
        for name, shares in rows.items():
            cells = (f"{shares[share]:>9.1%}" for share in SHARES)
            lines.append(f"  {name:26}" + "".join(cells))
    return "\n".join(lines)


def cell(scenario: Scenario, outcome: Outcome) -> str:
    """Return the figure of a scenario, eleven characters wide."""
    figure = getattr(outcome, scenario.shows)
    text = f"{figure:.2%}" if scenario.shows == "succeeded" else f"{figure:.3f}"
    return f"{text:>10}{'!' if math.isinf(outcome.recovered) else ' '}"


def draw_picture(results: Results, healed: Healed, file: str) -> None:
    """Draw load, success and healed requests, if matplotlib is installed."""
    try:
        pyplot = import_module("matplotlib.pyplot")
    except ImportError:
        print("No picture: it needs matplotlib.")
        return
    pyplot.switch_backend("agg")
    figure, panels = pyplot.subplots(1, 3, figsize=(13, 4))
    total, partial, job = TOTAL, PARTIAL, next(iter(healed))
    for panel, rows, title in (
        (
            panels[0],
            figures(results[total], total.shows),
            "Total outage: attempts per request (less is better)",
        ),
        (
            panels[1],
            figures(results[partial], partial.shows),
            "Partial outage: requests that succeed (more is)",
        ),
        (panels[2], healed[job], "A lone job: failed requests that heal (more is)"),
    ):
        draw_lines(panel, rows)
        panel.set_title(title, loc="left", fontweight="bold", fontsize=10)
        panel.spines[["top", "right"]].set_visible(False)
    for panel in panels[:2]:
        panel.set_xscale("log")
        panel.set_xticks(FLEETS, [f"{fleet:,}" for fleet in FLEETS])
        panel.minorticks_off()
        panel.set_xlabel("processes that share the same traffic", fontsize=9)
    panels[2].set_xticks(SHARES, [f"{share:.0%}" for share in SHARES])
    panels[2].set_xlabel("records whose requests fail for ever", fontsize=9)
    panels[0].set_ylim(0.9, 4.1)
    panels[1].set_ylim(0.68, 1.005)
    panels[2].set_ylim(-0.02, 1.02)
    for panel in panels[1:]:
        panel.yaxis.set_major_formatter("{x:.0%}")
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="upper center", ncols=7, frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0, 1, 0.93))
    figure.savefig(file, dpi=100)
    pyplot.close(figure)


def figures(
    rows: dict[str, dict[int, Outcome]], shown: str
) -> dict[str, dict[int, float]]:
    """Return one figure of each outcome."""
    return {
        name: {fleet: getattr(outcome, shown) for fleet, outcome in outcomes.items()}
        for name, outcomes in rows.items()
    }


def draw_lines(panel: Any, rows: Mapping[str, Mapping[Any, float]]) -> None:
    """Draw a line for each policy."""
    # From the palette of Okabe and Ito, which colour-blind people can distinguish.
    styles = {
        "no retry": ("0.45", ""),
        "urllib3, as people copy it": ("#d55e00", "s"),
        OURS: ("#0072b2", "o"),
        "botocore's quota": ("#e69f00", "^"),
        "gRPC's throttle": ("#009e73", "v"),
        "Finagle's budget": ("#cc79a7", "D"),
    }
    for name, (color, marker) in styles.items():
        if name in rows:
            panel.plot(
                rows[name].keys(),
                rows[name].values(),
                label=name,
                color=color,
                marker=marker,
                linestyle="-" if marker else "--",
                linewidth=3 if name == OURS else 1.3,
                zorder=3 if name == OURS else 2,
            )


def progress(runs: Sequence[Any]) -> Iterable[Any]:
    """Show a progress bar on a terminal, if tqdm is installed."""
    try:
        tqdm = import_module("tqdm").tqdm
    except ImportError:
        return runs
    bar: Iterable[Any] = tqdm(runs, disable=None, leave=False)  # on stderr
    return bar


def main(argv: Sequence[str] | None = None) -> None:
    """Run the simulations, print the tables, draw the picture."""
    parser = argparse.ArgumentParser(description="What retries do in an outage.")
    parser.add_argument("--picture", metavar="FILE", help="draw it, too")
    parser.add_argument("--seed", type=int, default=1, help="of all chance (1)")
    arguments = parser.parse_args(argv)
    if not has_botocore():
        print("No row of botocore's: it is not installed.")
        POLICIES.pop("botocore's quota", None)
    results = run(SCENARIOS, arguments.seed)
    print(table(results))
    healed = run_jobs(JOBS, arguments.seed)
    print("", table_of_jobs(healed), sep="\n")
    if arguments.picture:
        draw_picture(results, healed, arguments.picture)


def has_botocore() -> bool:
    """Say whether botocore is installed."""
    try:
        import_module("botocore.retries.quota")
    except ImportError:
        return False
    return True


if __name__ == "__main__":
    main()
