"""How much of a sweep's time is arithmetic: ours against its peers, side by side.

Run from the repository: ``python benchmarks/throughput.py --json benchmarks/results/FILE.json``.
24 fixed trials (12 MLPs, 12 small CNNs, batches of 64 or 128, 5 epochs) on 10,000 training and
2,000 validation images of Fashion-MNIST, no pruning, best-only checkpoints, two trials at a time
where a peer can. Everybody gets the same parameters; each peer has an environment of its own,
which is made on first use.

A time is that of the whole command, from its start to its exit: imports, data, all trials, and
what each does at its end. Ours is ``python -m sweeps run``, with all a user gets: mistakes looked
for first, a process for each trial, a durable study, best checkpoints and states to resume from on
disk, and the bundle of the leader written, loaded and scored again (``export``).

The limit is the arithmetic alone, measured in every round by `benchmarks/peers/limit.py`: processor
seconds of all steps and validations with one thread, divided by two cores. Efficiency is limit by
time. ``--long`` has few trials of a minute or more instead. Rounds are interleaved, figures are
medians; after every measurement all that is known is printed and written.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.commands import Ran, check_ran, run_command
from benchmarks.environments import DEFAULT_FOLDER, open_environment
from benchmarks.figures import Column, Figures, make_parser
from benchmarks.images import read_images

HOME = Path(__file__).parents[1]
PEERS = HOME / "benchmarks" / "peers"
CORES = 2
SEED = 20
TITLES = {
    "ours": "keras-sweeps",
    "loky": "Optuna + joblib loky, warm processes",
    "ray": "Ray Tune, reused actors",
    "optuna": "Optuna script",
    "keras_tuner": "KerasTuner RandomSearch",
}
# Seconds of one measurement on a quiet machine of two cores, for the estimate.
USUAL_SECONDS = {"limit": 55, "ours": 30, "loky": 60, "ray": 66, "optuna": 93, "keras_tuner": 93}
LONG_FACTOR = 5
COLUMNS = (
    Column("who", "who"),
    Column("seconds", "seconds", ".1f"),
    Column("efficiency", "efficiency", ".2f"),
    Column("ratio", "times ours", ".2f"),
    Column("cpu_seconds", "processor s", ".0f"),
    Column("first_ended", "first trial done after s", ".1f"),
    Column("export", "export s", ".1f"),
    Column("accuracy", "mean accuracy", ".3f"),
    Column("rounds", "rounds", "d"),
)
SPACE = f"""
name: throughput
model: {PEERS / "work.py"}:build
data: {PEERS / "work.py"}:load
objective: {{metric: val_accuracy, direction: maximize}}
parameters: {{batch_size: [64, 128]}}
sampler: random
pruner: none
training: {{epochs: %d}}
limits: {{trials: %d, workers: {CORES}}}
"""


@dataclass(frozen=True)
class Work:
    """What everybody does.

    Attributes:
        trials: The parameters of each.
        epochs: Epochs of each.
        images: How many are for training and for validation.
        limit_epochs: Epochs that the limit is measured with, and scaled up from.
    """

    trials: list[dict[str, Any]]
    epochs: int
    images: tuple[int, int]
    limit_epochs: int


def choose_work(*, quick: bool, long: bool) -> Work:
    """Choose the trials; the same ones every time."""
    generator = random.Random(SEED)
    if quick:
        return Work([make_trial(generator, kind) for kind in ("mlp", "cnn")], 1, (500, 100), 1)
    if long:
        return Work([make_long_trial(generator) for _ in range(4)], 60, (10_000, 2_000), 4)
    kinds = ["mlp", "cnn"] * 12
    return Work([make_trial(generator, kind) for kind in kinds], 5, (10_000, 2_000), 5)


def make_trial(generator: random.Random, kind: str) -> dict[str, Any]:
    shape = (
        {"layers": generator.choice([1, 2]), "units": generator.choice([128, 256])}
        if kind == "mlp"
        else {"filters": generator.choice([16, 24])}
    )
    return {
        "kind": kind,
        **shape,
        "dropout": round(generator.uniform(0.0, 0.4), 2),
        "learning_rate": round(10 ** generator.uniform(-3.5, -2.3), 5),
        "batch_size": generator.choice([64, 128]),
    }


def make_long_trial(generator: random.Random) -> dict[str, Any]:
    return {**make_trial(generator, "cnn"), "filters": 48, "batch_size": 128}


def prepare(folder: Path, work: Work) -> str:
    """Write what everybody reads into an empty folder; gives the name of the data."""
    told = {"trials": work.trials, "epochs": work.epochs}
    (folder / "work.json").write_text(json.dumps(told))
    (folder / "space.yaml").write_text(SPACE % (work.epochs, len(work.trials)))
    (folder / "trials.yaml").write_text(json.dumps(work.trials))
    return read_images(folder / "data.npz", *work.images)


def measure_limit(work: Work, folder: Path) -> dict[str, float]:
    """Measure the arithmetic: one trial after the other, and then two at a time."""
    command = [sys.executable, PEERS / "limit.py", "--epochs", str(work.limit_epochs)]

    def run(*more: str) -> float:
        ran = check_ran(_run([*command, *more], folder), "limit")
        return float(json.loads(ran.lines[-1][1])["cpu_seconds"])

    alone = run()
    if work.limit_epochs == 1:  # the short form
        return {"seconds": alone / CORES}
    with ThreadPoolExecutor(CORES) as pool:
        shares = pool.map(lambda n: run("--first", str(n), "--every", str(CORES)), range(CORES))
        together = sum(shares)
    return {"seconds": alone / CORES, "together_seconds": together / CORES}


def measure(name: str, python: Path, work: Work, folder: Path) -> dict[str, float]:
    """Let one of them do the work; gives its figures.

    Raises:
        RuntimeError: It failed, or left trials out.
    """
    if name == "ours":
        command = [python, "-m", "sweeps", "run", folder / "space.yaml", "--plain"]
        command += ["--enqueue", folder / "trials.yaml", "--results", folder / "results"]
    else:
        command = [python, PEERS / f"{name}_script.py"]
    ran = check_ran(_run(command, folder), name)
    accuracies = read_ours(folder) if name == "ours" else read_peer(folder)
    if len(accuracies) != len(work.trials):
        raise RuntimeError(f"{name} finished {len(accuracies)} of {len(work.trials)} trials")
    found = {
        "seconds": ran.wall_seconds,
        "cpu_seconds": ran.cpu_seconds,
        "accuracy": statistics.fmean(accuracies),
    }
    return found | (find_phases(ran) if name == "ours" else {})


def find_phases(ran: Ran) -> dict[str, float]:
    """Find in the lines of our command when trials and the export began and ended."""
    first = ran.find_time("] trial ")
    export = ran.find_time("exporting")
    phases = {"first_ended": first, "export": None if export is None else ran.wall_seconds - export}
    return {key: seconds for key, seconds in phases.items() if seconds is not None}


def read_ours(folder: Path) -> list[float]:
    outcomes = (folder / "results" / "throughput" / "trials").glob("*/outcome.json")
    found = [json.loads(path.read_text()) for path in outcomes]
    return [each["value"] for each in found if each["state"] == "complete"]


def read_peer(folder: Path) -> list[float]:
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [json.loads(line)["value"] for line in lines]


def _run(command: Sequence[str | Path], folder: Path) -> Ran:
    env = {
        "BENCHMARK_WORK": str(folder),
        "PYTHONPATH": f"{HOME}:{PEERS}",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    return run_command(command, cwd=folder, env=env)


def summarize(rounds: dict[str, list[dict[str, float]]]) -> list[dict[str, Any]]:
    """Make the table of all rounds so far: medians, efficiency, and ratios to ours."""
    medians = {
        name: {
            key: statistics.median(each[key] for each in found if key in each) for key in found[0]
        }
        for name, found in rounds.items()
        if found
    }
    limits = medians.pop("limit", {})
    limit = limits.get("seconds")
    ours = medians.get("ours", {}).get("seconds")
    rows: list[dict[str, Any]] = []
    for name, row in sorted(medians.items(), key=lambda item: item[1]["seconds"]):
        efficiency = limit and limit / row["seconds"]
        ratio = ours and row["seconds"] / ours
        shown = {"who": TITLES[name], "efficiency": efficiency, "ratio": ratio}
        rows.append({**shown, **row, "rounds": len(rounds[name])})
    if limit:
        num_rounds = len(rounds["limit"])
        if busy := limits.get("together_seconds"):
            shown = {"who": "the arithmetic with both cores busy", "seconds": busy}
            rows.append({**shown, "efficiency": limit / busy, "rounds": num_rounds})
        shown = {"who": "limit: the arithmetic alone", "seconds": limit, "efficiency": 1.0}
        rows.append({**shown, "rounds": num_rounds})
    return rows


def parse(arguments: Sequence[str] | None) -> Any:
    parser = make_parser(__doc__, "two tiny trials, ours and the Optuna script, one round")
    parser.add_argument("--long", action="store_true", help="4 trials of a minute or more each")
    parser.add_argument("--only", default="", help=f"some of {','.join(TITLES)}; all by default")
    parser.add_argument("--rounds", type=int, help="how many; 3 by default")
    parser.add_argument("--envs", type=Path, default=DEFAULT_FOLDER, help="the peers' environments")
    options = parser.parse_args(arguments)
    usual = "ours,optuna" if options.quick else "ours,loky" if options.long else ",".join(TITLES)
    options.names = (options.only or usual).split(",")
    if unknown := set(options.names) - set(TITLES):
        parser.error(f"--only: unknown {', '.join(unknown)}; expected some of {', '.join(TITLES)}")
    options.rounds = options.rounds or (1 if options.quick else 3)
    return options


def find_pythons(options: Any) -> dict[str, Path]:
    """Find each one's interpreter; ours has all that the short form needs."""
    own = {"ours"} | ({"optuna"} if options.quick else set())
    return {
        name: Path(sys.executable) if name in own else open_environment(name, options.envs)
        for name in options.names
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure round by round, and write the table after each measurement.

    Who fails is named and left out; the others go on, and the exit status is 1.
    """
    options = parse(arguments)
    work = choose_work(quick=options.quick, long=options.long)
    pythons = find_pythons(options)
    names = ["limit", *options.names]
    if not options.quick:
        print_estimate(options, names)
    figures = Figures("throughput-long" if options.long else "throughput", COLUMNS, seeds=[SEED])
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    failures: list[str] = []
    figures.details = {"trials": len(work.trials), "rounds": rounds, "failures": failures}
    try:
        for turn in range(options.rounds):
            shift = turn % len(names)
            for name in [*names[shift:], *names[:shift]]:
                take_turn(name, pythons.get(name), work, figures)
                figures.write(options.json)
    finally:
        figures.print()
    if failures:
        raise SystemExit("\n".join(failures))


def take_turn(name: str, python: Path | None, work: Work, figures: Figures) -> None:
    """Measure one of them once, in an empty folder, and renew the table."""
    details = figures.details
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as given:
        folder = Path(given)
        details["data"] = prepare(folder, work)
        try:
            if python is None:
                found = measure_limit(work, folder)
            else:
                found = measure(name, python, work, folder)
        except RuntimeError as error:
            details["failures"].append(str(error))
            print(f"{time.strftime('%T')} {name} failed: {error}", flush=True)
            return
    details["rounds"][name].append(found)
    print(f"{time.strftime('%T')} {name}: {found['seconds']:.1f} s", flush=True)
    figures.rows = summarize(details["rounds"])


def print_estimate(options: Any, names: Sequence[str]) -> None:
    factor = LONG_FACTOR if options.long else 1
    minutes = options.rounds * factor * sum(USUAL_SECONDS[name] for name in names) / 60
    print(f"about {minutes:.0f} minutes on a quiet machine of two cores", flush=True)


if __name__ == "__main__":
    main()
