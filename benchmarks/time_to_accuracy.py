"""Seconds until a good model is found: ours against KerasTuner's Hyperband and Optuna with ASHA.

Run from the repository: ``python benchmarks/time_to_accuracy.py --json benchmarks/results/FILE``.
The target is the validation accuracy that random search without pruning has at its end: for each
data set, the median over the seeds. Then everybody searches the same space from the same seeds
until an epoch has reached it, or the time is over. What counts is the time from the start of the
command to that epoch, from each one's own log. Ours runs with its default settings;
``--only ours,ours+pruner=median`` compares others. On digits random search soon has every image of
the validation data right, so that the target there is mostly luck.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.commands import check_ran, run_command
from benchmarks.environments import DEFAULT_FOLDER, open_environment
from benchmarks.figures import Column, Figures, make_parser
from benchmarks.images import read_images

HOME = Path(__file__).parents[1]
PEERS = HOME / "benchmarks" / "peers"
TITLES = {
    "ours": "keras-sweeps",
    "asha": "Optuna + ASHA, two processes",
    "hyperband": "KerasTuner Hyperband",
}
ENVIRONMENTS = {"asha": "optuna", "hyperband": "keras_tuner"}
COLUMNS = (
    Column("data", "data"),
    Column("who", "who"),
    Column("target", "target", ".4f"),
    Column("seconds", "seconds", ".1f"),
    Column("fastest", "fastest", ".1f"),
    Column("slowest", "slowest", ".1f"),
    Column("reached", "reached", "d"),
    Column("seeds", "of", "d"),
    Column("ratio", "times ours", ".2f"),
)
SPACE = """
name: {search}
model: {model}:build
data: {model}:load
objective: {{metric: val_accuracy, direction: maximize}}
parameters: {{batch_size: {batch_sizes}}}
training: {{epochs: {epochs}}}
limits: {{trials: {trials}}}
seed: {seed}
{settings}
"""
RANDOM = "sampler: random\npruner: none\n"
MANY_TRIALS = 100_000


@dataclass(frozen=True)
class Search:
    """A data set with the space that is searched on it.

    Attributes:
        name: The data set.
        model: The file with ``build`` and ``load``.
        batch_sizes: One more parameter.
        epochs: Epochs of a full trial.
        random_trials: How many trials the random search has that sets the target.
    """

    name: str
    model: Path
    batch_sizes: tuple[int, ...]
    epochs: int
    random_trials: int


SEARCHES = {
    "digits": Search("digits", HOME / "search_spaces" / "digits_model.py", (16, 32, 64), 20, 30),
    "fashion": Search("fashion", PEERS / "work.py", (32, 64, 128), 12, 30),
}


@dataclass(frozen=True)
class Course:
    """How one search went: each improvement, as seconds since its start and accuracy."""

    steps: tuple[tuple[float, float], ...]

    @property
    def best(self) -> float:
        """The best accuracy of all."""
        return max((value for _, value in self.steps), default=-math.inf)

    def find_time(self, target: float) -> float | None:
        """Find when the target was reached, in seconds."""
        return next((seconds for seconds, value in self.steps if value >= target), None)


@dataclass(frozen=True)
class Until:
    """When a search is ended.

    Attributes:
        target: At this accuracy; infinite for one that is to run to its own end.
        seconds: After this time.
    """

    target: float = math.inf
    seconds: float = math.inf


Courses = dict[str, dict[str, dict[int, Course]]]


def run_search(name: str, search: Search, seed: int, python: Path, until: Until) -> Course:
    """Let one of them search from one seed.

    Args:
        name: ``random``, ``ours``, ours with settings as in ``ours+pruner=median``, or a peer.
        search: The data and the space.
        seed: Where it begins.
        python: Its interpreter.
        until: When it is ended.

    Raises:
        RuntimeError: It failed.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as given:
        folder = Path(given)
        read_images(folder / "data.npz", 10_000, 2_000)
        command: list[str | Path]
        if name in ENVIRONMENTS:
            command = [python, PEERS / f"{name}_script.py"]
            command += [search.name, str(search.epochs), str(seed)]
        else:
            write_space(folder / "space.yaml", search, seed, is_random=name == "random")
            command = [python, PEERS / "sweeps_script.py", *name.split("+")[1:]]
        log = folder / "log.jsonl"
        ran = run_command(
            command,
            cwd=folder,
            env={
                "BENCHMARK_WORK": str(folder),
                "PYTHONPATH": f"{HOME}:{PEERS}",
                "TF_CPP_MIN_LOG_LEVEL": "3",
                "CUDA_VISIBLE_DEVICES": "",
            },
            is_done=lambda: read_course(log, 0.0).best >= until.target,
            timeout_seconds=until.seconds,
        )
        course = read_course(log, ran.started)
        if course.best < until.target and ran.wall_seconds < until.seconds:
            check_ran(ran, f"{name} on {search.name}")
    if not course.steps:
        raise RuntimeError(f"{name} on {search.name} noted nothing")
    return course


def write_space(path: Path, search: Search, seed: int, *, is_random: bool) -> None:
    text = SPACE.format(
        search=search.name,
        model=search.model,
        batch_sizes=list(search.batch_sizes),
        epochs=search.epochs,
        trials=search.random_trials if is_random else MANY_TRIALS,
        seed=seed,
        settings=RANDOM if is_random else "",
    )
    path.write_text(text)


def read_course(log: Path, started: float) -> Course:
    """Read a log up to now: only what was better than all before."""
    steps: list[tuple[float, float]] = []
    lines = log.read_text().splitlines() if log.exists() else []
    entries = [json.loads(line) for line in lines if line.endswith("}")]
    for entry in sorted(entries, key=lambda entry: entry["time"]):
        if not steps or entry["value"] > steps[-1][1]:
            steps.append((round(entry["time"] - started, 2), entry["value"]))
    return Course(tuple(steps))


def summarize(courses: Courses, targets: dict[str, float]) -> list[dict[str, Any]]:
    """Make the table: per data set and searcher, the median over seeds.

    Where a search did not reach the target its time counts as infinite: a median that is infinite
    is left out, and `reached` says why.
    """
    rows = []
    for search, target in targets.items():
        medians = {}
        for name, found in courses[search].items():
            times = [course.find_time(target) or math.inf for course in found.values()]
            if not times:
                continue
            medians[name] = statistics.median(times)
            row = {"data": search, "who": name_title(name), "target": target, "seeds": len(times)}
            row |= {"seconds": medians[name], "fastest": min(times), "slowest": max(times)}
            row |= {"reached": sum(map(math.isfinite, times))}
            row |= {"ratio": medians[name] / medians["ours"] if "ours" in medians else None}
            rows.append({key: keep_finite(value) for key, value in row.items()})
    return rows


def keep_finite(value: Any) -> Any:
    return value if not isinstance(value, float) or math.isfinite(value) else None


def name_title(name: str) -> str:
    if name == "random":
        return "random search without pruning, with keras-sweeps"
    own, _, settings = name.partition("+")
    return f"{TITLES[own]} {settings}".strip()


def parse(arguments: Sequence[str] | None) -> Any:
    parser = make_parser(__doc__, "digits, ours alone, 2 random trials of 2 epochs, one seed")
    parser.add_argument("--only", default=",".join(TITLES), help="who; ours first")
    parser.add_argument("--data", default="fashion", help="fashion (the default), digits or both")
    parser.add_argument("--seeds", type=int, default=3, help="how many; 3 by default")
    parser.add_argument("--timeout", type=float, default=600, help="seconds of one search")
    parser.add_argument("--envs", type=Path, default=DEFAULT_FOLDER, help="the peers' environments")
    options = parser.parse_args(arguments)
    if options.quick:
        options.only, options.data, options.seeds = "ours", "digits", 1
    options.names, options.searches = options.only.split(","), options.data.split(",")
    unknown = {name.partition("+")[0] for name in options.names} - set(TITLES)
    if unknown or set(options.searches) - set(SEARCHES):
        parser.error(f"expected --only {','.join(TITLES)} and --data {','.join(SEARCHES)}")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure data by data and seed by seed, and write the table after each search.

    Who fails is named and left out; the others go on, and the exit status is 1.
    """
    options = parse(arguments)
    pythons = find_pythons(options)
    if not options.quick:
        minutes = len(options.searches) * options.seeds * len(pythons) * 1.5
        print(f"about {minutes:.0f} minutes on a quiet machine of two cores", flush=True)
    figures = Figures("time_to_accuracy", COLUMNS, seeds=list(range(options.seeds)))
    figures.details = {"failures": []}
    courses: Courses = {search: {name: {} for name in pythons} for search in options.searches}
    targets: dict[str, float] = {}
    try:
        for search in options.searches:
            spec = SEARCHES[search]
            if options.quick:
                spec = replace(spec, epochs=2, random_trials=2)
            for name, seed in list_turns(options, figures.seeds):
                until = Until()
                if name != "random":
                    ends = [course.best for course in courses[search]["random"].values()]
                    targets[search] = statistics.median_low(ends)
                    until = Until(targets[search], options.timeout)
                course = try_search(name, spec, seed, pythons[name], until, figures)
                if course is not None:
                    courses[search][name][seed] = course
                figures.rows = summarize(courses, targets)
                figures.details["courses"] = list_courses(courses)
                figures.write(options.json)
    finally:
        figures.print()
    if figures.details["failures"]:
        raise SystemExit("\n".join(figures.details["failures"]))


def find_pythons(options: Any) -> dict[str, Path]:
    """Find each one's interpreter."""
    return {
        name: open_environment(ENVIRONMENTS[name], options.envs)
        if name in ENVIRONMENTS
        else Path(sys.executable)
        for name in ["random", *options.names]
    }


def list_turns(options: Any, seeds: Sequence[int]) -> list[tuple[str, int]]:
    """List who searches from which seed: first what sets the target, then all in turn."""
    turns = [("random", seed) for seed in seeds]
    return turns + [(name, seed) for seed in seeds for name in options.names]


def try_search(
    name: str, search: Search, seed: int, python: Path, until: Until, figures: Figures
) -> Course | None:
    """Let one of them search; where it fails say so, and give nothing."""
    try:
        course = run_search(name, search, seed, python, until)
    except RuntimeError as error:
        figures.details["failures"].append(str(error))
        print(f"{time.strftime('%T')} {error}", flush=True)
        return None
    reached = f"{course.steps[-1][1]:.4f} after {course.steps[-1][0]:.1f} s"
    print(f"{time.strftime('%T')} {search.name} seed {seed} {name}: {reached}", flush=True)
    return course


def list_courses(courses: Courses) -> list[dict[str, Any]]:
    """List all courses for the record."""
    return [
        {"data": data, "who": name_title(who), "seed": seed, "steps": course.steps}
        for data, by_name in courses.items()
        for who, by_seed in by_name.items()
        for seed, course in by_seed.items()
    ]


if __name__ == "__main__":
    main()
