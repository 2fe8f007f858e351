"""The simulation in examples/outage.py shows what the policy promises."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

SCRIPT = Path(__file__).parent.parent / "examples" / "outage.py"

NONE, URLLIB3, NO_BUDGET = "no retry", "urllib3, as copied", "ours, budget=None"
OURS, PROCESSES = "ours", "ours, 10 processes"


@pytest.fixture(scope="module")
def outage() -> ModuleType:
    spec = importlib.util.spec_from_file_location("outage", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run(outage: ModuleType) -> tuple[dict[str, Any], str]:
    """Run it once: the outcomes by title and policy, and what was printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        results = outage.main(["--quick", "--seed", "1"])
    by_title = {
        scenario.title.partition(",")[0]: outcomes
        for scenario, outcomes in results.items()
    }
    return by_title, printed.getvalue()


@pytest.fixture
def short(outage: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Shorten the script to one scenario of a moment."""
    scenario = outage.Scenario("short", 2, failing=0.5, after=1)
    monkeypatch.setattr(outage, "SCENARIOS", [scenario])
    return scenario


def test_load_in_a_total_outage(run):
    """Retries add at most 3 % to an outage, where urllib3's make it four times."""
    total = run[0]["total outage"]
    assert total[NONE].load == 1
    assert 1 < total[OURS].load <= 1.03
    assert total[URLLIB3].load == pytest.approx(4, rel=0.05)


def test_the_budget_is_what_bounds_the_load(run):
    """Without its budget, the same policy multiplies an outage as urllib3's does."""
    assert run[0]["total outage"][NO_BUDGET].load == pytest.approx(4, rel=0.05)


def test_load_by_many_processes(run):
    """Ten processes add ten reserves to an outage, as the script says, not more."""
    total = run[0]["total outage"]
    one, ten = (total[name].load - 1 for name in (OURS, PROCESSES))
    assert ten == pytest.approx(10 * one, rel=0.02)


def test_blips(run):
    """Of the requests that meet 1 % blips, 99.99 % succeed: one in a hundred fails
    without retries."""
    blips = run[0]["blips"]
    assert blips[OURS].succeeded >= 0.9999
    assert blips[NONE].succeeded == pytest.approx(0.99, abs=0.002)


def test_blips_are_many_enough_to_tell(outage):
    """The 99.99 % is of more than 10,000 requests, also when it is quick."""
    blips = outage.SCENARIOS[-1]._replace(seconds=120)
    begun = outage.first_attempts(blips, seed=1)
    in_trouble = [t for t in begun if outage.BEFORE <= t < outage.BEFORE + 120]
    assert len(in_trouble) > 10_000


@pytest.mark.parametrize(
    "title", ["total outage", "partial outage", "overload", "blips"]
)
def test_recovery(run, title):
    """A server recovers no later than if nobody had retried."""
    outcomes = run[0][title]
    assert outcomes[OURS].recovered <= outcomes[NONE].recovered < 1
    assert outcomes[OURS].succeeded_after == outcomes[NONE].succeeded_after


@pytest.mark.parametrize("title", ["total outage", "overload"])
@pytest.mark.parametrize("name", [URLLIB3, NO_BUDGET])
def test_retries_without_a_budget_keep_a_server_down(run, title, name):
    """What overloads a server that could recover is the retries alone."""
    outcome = run[0][title][name]
    assert outcome.recovered == math.inf
    assert outcome.succeeded_after == 0


def test_recovery_takes_time_after_an_overload(run):
    """The comparison of recoveries is no comparison of zeros."""
    assert run[0]["overload"][NONE].recovered > 0


def test_same_seed_same_outcome(outage, short):
    """A run is reproduced by its seed."""
    first, again, other = (
        outage.simulate(short, outage.policies()[OURS], seed) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_table(run):
    """The table fits 80 columns, with a line for each policy in each scenario."""
    lines = run[1].splitlines()
    assert max(map(len, lines)) <= 80
    for name in (NONE, URLLIB3, NO_BUDGET, OURS, PROCESSES):
        assert sum(line.startswith(f"  {name}  ") for line in lines) == 4


def test_picture(outage, short, tmp_path):
    """--picture writes a small PNG."""
    pytest.importorskip("matplotlib")
    file = tmp_path / "outage.png"
    outage.main(["--picture", str(file)])
    assert file.read_bytes().startswith(b"\x89PNG")
    assert file.stat().st_size < 120_000


def test_without_the_libraries_for_show(outage, short, monkeypatch, tmp_path, capsys):
    """Without tqdm and matplotlib the table is printed, and one line says why
    there is no picture."""
    for name in ("tqdm", "matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    outage.main(["--picture", str(tmp_path / "outage.png")])
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == "No picture: it needs matplotlib."
    assert sum("no retry" in line for line in printed) == 1
    assert not list(tmp_path.iterdir())
