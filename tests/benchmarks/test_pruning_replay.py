"""The replay of learning curves: small ones whose outcome is known."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import pruning_replay
from benchmarks.replay import Continuing, Curve, make_pruner, replay

BAD = Curve({"rate": 0.1}, (0.1, 0.1, 0.1, 0.1), epoch_seconds=1.0, start_seconds=0.5)
GOOD = Curve({"rate": 0.2}, (0.2, 0.4, 0.6, 0.8), epoch_seconds=1.0, start_seconds=0.5)


def take_first(left: list[Curve], _: object) -> Curve:
    """Take the curves in their order."""
    return left[0]


def test_replay_without_pruning_trains_two_at_a_time_to_the_end() -> None:
    """Three bad trials take 4.5 s each on two workers; the good one follows the first of them."""
    course = replay([BAD, BAD, GOOD], make_pruner("none", 4, 0), take_first, targets=[0.8])
    assert (course.seconds, course.trials) == ((9.0,), 4)


def test_replay_of_asha_stops_what_is_not_among_the_best_third() -> None:
    """The second bad trial ties and goes on; one that is worse would have ended at its rung."""
    worse = Curve({"rate": 0.3}, (0.0, 0.0, 0.0, 0.0), epoch_seconds=1.0, start_seconds=0.5)
    pruner = make_pruner("asha min_epochs=1 reduction_factor=3", 4, 0)
    course = replay([BAD, worse, worse, GOOD], pruner, take_first, targets=[0.8])
    without = replay(
        [BAD, worse, worse, GOOD], make_pruner("none", 4, 0), take_first, targets=[0.8]
    )
    assert course.seconds < without.seconds
    assert course.epochs < without.epochs


def test_replay_of_continuing_asha_goes_on_from_the_state() -> None:
    """No epoch is trained twice, and each time a trial goes on costs a start.

    The good trial waits at epoch 1 for a second trial, until 1.5 s, and at epoch 2 for a bad one to
    get there, until 6 s; epochs 3 and 4 follow without a rung between them. Five bad trials have
    been begun meanwhile, two of which went on, and a sixth has no epoch yet.
    """
    course = replay([GOOD, *[BAD] * 20], Continuing(1, 2), take_first, targets=[0.8])
    assert (course.seconds, course.trials) == ((8.5,), 7)
    assert course.epochs == 4 + 2 + 2 + 1 + 1 + 1


def test_replay_notes_each_target_and_gives_up_on_what_nobody_has() -> None:
    """A search that has taken every curve three times ends, and counts with its time."""
    course = replay([BAD, GOOD], make_pruner("none", 4, 0), take_first, targets=[0.3, 0.7, 0.9])
    assert course.seconds[:2] == (2.5, 4.5)
    assert (course.seconds[2], course.trials) == (13.5, 7)


def test_replay_runs_over_the_recorded_curves(tmp_path: Path) -> None:
    """The short form compares the default with random search on both data sets."""
    pruning_replay.main(["--quick", "--json", str(tmp_path / "figures.json")])
    record = json.loads((tmp_path / "figures.json").read_text())
    default, drawn = sorted(record["rows"], key=lambda row: row["policy"] == "random, none")
    assert (default["policy"], default["ratio"]) == (pruning_replay.DEFAULT, 1.0)
    assert default["digits"] > 0
    assert drawn["fashion_epochs"] > drawn["fashion_trials"]
