"""The simulation in examples/outage.py shows what the retry budget promises."""

from __future__ import annotations

import importlib.util
import math
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

SCRIPT = Path(__file__).parents[2] / "examples" / "outage.py"
FLEETS = (1, 10, 100, 1000)


@pytest.fixture(scope="module")
def outage() -> ModuleType:
    spec = importlib.util.spec_from_file_location("outage", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def outcome(outage: ModuleType) -> Any:
    """Simulate a scenario, each case once, with less time after the trouble."""

    @cache
    def simulated(scenario: str, name: str, fleet: int = 1) -> Any:
        short = getattr(outage, scenario)._replace(after=10)
        return outage.simulate(short, outage.POLICIES[name], fleet, seed=1)

    return simulated


@pytest.fixture
def short(outage: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Shorten the script to scenarios of a moment."""
    total = outage.Scenario("short", 2, failing=1, after=1, shows="load")
    partial = outage.Scenario("partial", 2, failing=0.5, after=1)
    job = outage.Job("job", 20, 0.1, 0.5, 1)
    monkeypatch.setattr(outage, "TOTAL", total)
    monkeypatch.setattr(outage, "PARTIAL", partial)
    monkeypatch.setattr(outage, "SCENARIOS", [total, partial])
    monkeypatch.setattr(outage, "JOBS", [job])
    monkeypatch.setattr(outage, "POLICIES", outage.POLICIES.copy())
    return partial


@pytest.fixture(scope="module")
def healed(outage: ModuleType) -> Any:
    """Simulate a lone job for a policy and a share of permanent failures."""

    @cache
    def simulated(job: str, name: str, permanent: float) -> float:
        one = getattr(outage, job)
        runs = [
            outage.heal(one, outage.POLICIES[name], permanent, seed)
            for seed in range(one.runs)
        ]
        failed, healed = map(sum, zip(*runs, strict=True))
        return healed / failed

    return simulated


@pytest.mark.parametrize(
    ("job", "permanent", "least"),
    [
        ("BATCH", 0.1, 0.95),
        ("BATCH", 0.3, 0.58),
        ("SHORT", 0.1, 0.945),
        ("CRON", 0.05, 0.94),
        ("CRON", 0.2, 0.83),
    ],
)
def test_a_lone_job_heals(healed, job, permanent, least):
    """One process whose records fail for ever in part still heals most of the other
    failures, and all of them if no record does."""
    assert least <= healed(job, "ours", permanent) < 1
    assert healed(job, "ours", 0) == 1


def test_the_other_policies_in_a_lone_job(healed):
    """The recipe heals everything, as does Finagle's budget; the throttles give up."""
    for name in ("urllib3, as people copy it", "ours, budget=None", "Finagle's budget"):
        assert healed("BATCH", name, 0.3) == 1
    assert healed("BATCH", "no retry", 0.3) == 0
    assert healed("BATCH", "gRPC's throttle", 0.3) < 0.05


@pytest.mark.parametrize(
    ("fleet", "most"), [(1, 1.02), (10, 1.055), (100, 1.12), (1000, 1.69)]
)
def test_load_in_a_total_outage(outcome, fleet, most):
    """What a fleet adds to an outage is small, however many processes it has; and
    when the outage is over, nothing fails any more."""
    got = outcome("TOTAL", "ours", fleet)
    assert 1 < got.load <= most
    assert got.recovered == 0


@pytest.mark.parametrize(
    ("fleet", "least"), [(1, 0.985), (10, 0.985), (100, 0.98), (1000, 0.98)]
)
def test_success_in_a_partial_outage(outcome, fleet, least):
    """Nearly all requests succeed while 30 % of the attempts fail: retries that
    work are free."""
    got = outcome("PARTIAL", "ours", fleet)
    assert least <= got.succeeded < 1
    assert outcome("PARTIAL", "no retry").succeeded < 0.75


@pytest.mark.parametrize("fleet", FLEETS)
def test_blips(outcome, fleet):
    """Of the requests that meet 1 % blips, 99.99 % succeed: one in a hundred fails
    without retries."""
    assert outcome("BLIPS", "ours", fleet).succeeded >= 0.9999
    assert outcome("BLIPS", "no retry").succeeded == pytest.approx(0.99, abs=0.002)


def test_blips_are_many_enough_to_tell(outage):
    """The 99.99 % is of more than 10,000 requests."""
    begun = outage.first_attempts(outage.BLIPS, seed=1)
    end = outage.BEFORE + outage.BLIPS.seconds
    assert sum(outage.BEFORE <= time < end for time in begun) > 10_000


@pytest.mark.parametrize("fleet", FLEETS)
def test_recovery_after_an_overload(outcome, fleet):
    """A server that has had three times its traffic recovers within a second or so,
    as it does without retries."""
    assert 0 < outcome("OVERLOAD", "no retry").recovered < 1
    assert outcome("OVERLOAD", "ours", fleet).recovered < 2


@pytest.mark.parametrize("scenario", ["TOTAL", "OVERLOAD"])
@pytest.mark.parametrize("name", ["urllib3, as people copy it", "ours, budget=None"])
def test_retries_without_a_budget_keep_a_server_down(outcome, scenario, name):
    """What overloads a server that could recover is the retries alone."""
    got = outcome(scenario, name)
    assert got.load > 3
    assert got.recovered == math.inf


def test_other_budgets(outcome):
    """The others are as their sources say: gRPC stops at once and heals little,
    Finagle heals and lets each process add a tenth of a second's traffic."""
    assert outcome("TOTAL", "gRPC's throttle").load == pytest.approx(1, abs=0.002)
    assert outcome("PARTIAL", "gRPC's throttle").succeeded < 0.75
    # 0.2 of each request, and 10 of the 100 requests a second.
    assert outcome("TOTAL", "Finagle's budget").load == pytest.approx(1.3, abs=0.01)
    assert outcome("TOTAL", "Finagle's budget", 100).recovered == math.inf


def test_botocore(outcome):
    """botocore's quota of each process is full when an outage begins."""
    pytest.importorskip("botocore")
    one, ten = (outcome("TOTAL", "botocore's quota", fleet).load for fleet in (1, 10))
    assert ten - 1 == pytest.approx(10 * (one - 1), rel=0.02)


def test_same_seed_same_outcome(outage, short):
    """A run is reproduced by its seed."""
    first, again, other = (
        outage.simulate(short, outage.POLICIES["ours"], 2, seed) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_table(outage, short, capsys):
    """The tables fit 80 columns, with a line for each policy in each scenario."""
    outage.main([])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    for name in outage.POLICIES:
        assert sum(line.startswith(f"  {name}  ") for line in lines) == 3


def test_picture(outage, short, tmp_path):
    """--picture writes a small PNG."""
    pytest.importorskip("matplotlib")
    file = tmp_path / "outage.png"
    outage.main(["--picture", str(file)])
    assert file.read_bytes().startswith(b"\x89PNG")
    assert file.stat().st_size < 120_000


def test_without_the_libraries_for_show(outage, short, monkeypatch, tmp_path, capsys):
    """Without tqdm, botocore and matplotlib the table is printed, and a line each
    says what is missing."""
    for name in ("tqdm", "matplotlib", "matplotlib.pyplot", "botocore.retries.quota"):
        monkeypatch.setitem(sys.modules, name, None)
    outage.main(["--picture", str(tmp_path / "outage.png")])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "No row of botocore's: it is not installed."
    assert printed[-1] == "No picture: it needs matplotlib."
    assert sum("no retry" in line for line in printed) == 3
    assert not list(tmp_path.iterdir())
