"""What `run`, `status`, `best`, `show` and `check` print for a person. Pure functions."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sweeps.causes import Cause
from sweeps.reading import read_outcome
from sweeps.report.front import (
    describe_objectives,
    is_on_front,
    list_other_values,
    render_front,
)
from sweeps.report.live_picture import STATE_STYLES
from sweeps.report.pairs import align
from sweeps.report.plan import render_space
from sweeps.report.states import (
    count_ends,
    count_extended,
    count_finished,
    find_best_so_far,
    find_checkpoint,
    find_log,
    is_unfinished,
    rank_trials,
    require_leader,
)
from sweeps.report.text import (
    NONE,
    clean,
    clean_lines,
    count_of,
    describe_stop,
    explain,
    format_duration,
    format_settings,
    format_trial,
    format_value,
    shorten_path,
)

if TYPE_CHECKING:
    from sweeps.preflight import CheckReport
    from sweeps.reading import SweepReport
    from sweeps.search.trials import TrialRecord

MAX_FAILURES = 5  # failed trials told one by one at the end of a run


def render_outcome(report: SweepReport) -> list[RenderableType]:
    """Tell how a run ended: the leader, its bundle, what failed, and how to go on."""
    pairs = [*_leader_pairs(report), ("trials", Text(describe_counts(report)))]
    parts = [Text(), _describe_leader(report), *align([*pairs, *_failure_pairs(report)])]
    return [*parts, Text(), *_render_stop(report)] if report.stopped else parts


def render_status(report: SweepReport, *, max_rows: int | None = None) -> list[RenderableType]:
    """Tell how far a sweep is, with its trials, best first, at most `max_rows` of them."""
    head = Text.assemble(
        (clean(report.name), "bold"), f"  {describe_objectives(report.spec.objectives)}"
    )
    head.append("  running now" if report.is_running else "", style="cyan")
    ranked = rank_trials(report)
    shown = ranked if max_rows is None else ranked[:max_rows]
    parts: list[RenderableType] = [head, Text(describe_counts(report))]
    if shown:
        parts += [Text(), _render_trials(report, shown)]
    if len(shown) < len(ranked):
        parts.append(Text(f"… and {len(ranked) - len(shown)} more: --all lists them", style="dim"))
    if report.trials and not report.is_running and is_unfinished(report):
        parts += [Text(), Text(f"continue with: {write_resume_line(shorten_path(report.folder))}")]
    return parts


def render_best(report: SweepReport) -> list[RenderableType]:
    """Tell which trial leads and how to load its model; with several objectives the front too.

    Raises:
        NoLeaderError: No trial has completed.
    """
    require_leader(report)
    pairs = _leader_pairs(report)
    if not report.bundle:
        pairs.append(("bundle", Text("none yet: the best model is exported when the sweep ends")))
    parts = [_describe_leader(report), *align(pairs)]
    if len(report.spec.objectives) > 1:
        parts += [Text(), render_front(report)]
    return parts


def render_trial(report: SweepReport, trial: TrialRecord) -> list[RenderableType]:
    """Tell all of one trial: parameters, files, why it ended, its epochs, a traceback."""
    leads = report.best is not None and report.best.number == trial.number
    head = Text.assemble((f"trial {format_trial(trial.number)}", "bold"), "  ", _style_state(trial))
    head.append("  the best of this sweep" if leads else "", style="green")
    pairs = [(report.spec.objective.metric, Text(_describe_value(report, trial)))]
    pairs += _other_pairs(report, trial)
    pairs += _cause_pairs(report, trial)
    if trial.extends:
        pairs.append(("extends", Text(f"trial {format_trial(trial.extends.number)}")))
    pairs += [("attempt", Text(str(trial.attempt))), ("time", Text(_describe_times(trial)))]
    pairs += _loop_pairs(report, trial)
    pairs += _resume_pairs(report, trial)
    checkpoint = find_checkpoint(report, trial)
    if checkpoint:
        pairs.append(("checkpoint", Text(clean(str(shorten_path(checkpoint))))))
    if log := find_log(report, trial):
        pairs.append(("log", Text(clean(str(shorten_path(log))))))
    parts = [head, *align([*pairs, *_param_pairs(trial)])]
    if trial.reports:
        parts += [Text(), _render_reports(report, trial)]
    if traceback := read_outcome(report, trial.number).get("traceback"):
        parts += [Text(), Text(clean_lines(str(traceback)), style="dim")]
    return parts


def render_check(report: CheckReport) -> list[RenderableType]:
    """Tell what a space file without a mistake asks for."""
    spec = report.spec
    names = ", ".join(parameter.name for parameter in spec.parameters)
    pairs = [
        ("sweep", f"{spec.name}: {describe_objectives(spec.objectives)}"),
        ("budget", "" if report.plan else _describe_budget(report)),
        ("search", f"{spec.sampler.name} proposes, {spec.pruner.name} prunes"),
        ("parameters", "" if report.plan else names),
        ("model", _describe_model(report)),
        *(("data", line) for line in report.data),
        ("loop", ": ".join(part for part in (report.loop, report.loop_reason) if part)),
    ]
    told = [(name, Text(clean(text))) for name, text in pairs if text]
    parts = [Text("no mistake found", style="green"), *align(told)]
    return [*parts, Text(), *render_space(report.plan)] if report.plan else parts


def describe_counts(report: SweepReport) -> str:
    """Write ``12 of 16 finished: 7 complete, 4 pruned, 1 failed (out of memory)``."""
    finished = f"{count_finished(report)} of {report.spec.limits.trials} finished"
    if extended := count_extended(report):
        finished += f" and {extended} extended"
    told = ", ".join(f"{number} {clean(name)}" for name, number in count_ends(report).items())
    return finished + (f": {told}" if told else "")


def write_load_line(folder: Path) -> str:
    """Write the Python line that loads the best model of the sweep in `folder`."""
    return f"import sweeps; model = sweeps.load({str(folder)!r})"


def write_resume_line(folder: Path) -> str:
    """Write the command that continues the sweep in `folder`."""
    return f"python -m sweeps resume {shlex.quote(str(folder))}"


def _describe_leader(report: SweepReport) -> Text:
    best = report.best
    if best is None:
        return Text("no trial has completed, so there is no best one", style="yellow")
    head = Text(f"best {report.spec.objective.metric} ")
    head.append(format_value(best.value), style="bold green")
    return head.append(f" in trial {format_trial(best.number)} at epoch {best.best_epoch}")


def _leader_pairs(report: SweepReport) -> list[tuple[str, Text]]:
    if report.best is None:
        return []
    pairs = [(clean(name), Text(value)) for name, value in list_other_values(report, report.best)]
    pairs += _param_pairs(report.best)
    if report.test_scores:
        scores = (
            f"{clean(name)} {format_value(score)}" for name, score in report.test_scores.items()
        )
        pairs.append(("test", Text(", ".join(scores))))
    if report.bundle:
        pairs += [
            ("bundle", Text(str(shorten_path(report.bundle)))),
            ("load", Text(write_load_line(shorten_path(report.folder)))),
        ]
    return pairs


def _render_stop(report: SweepReport) -> list[RenderableType]:
    text = f"{describe_stop(report.stopped)}; everything finished so far is kept"
    parts: list[RenderableType] = [Text(text, style="yellow")]
    if is_unfinished(report):
        resume = write_resume_line(shorten_path(report.folder))
        parts.append(Text(f"continue with: {resume}", style="bold"))
    return parts


def _failure_pairs(report: SweepReport) -> list[tuple[str, Text]]:
    failed = [
        trial
        for trial in report.trials
        # Where the sweep ended for it, the error is told once, there.
        if trial.state == "failed" and not (trial.reason and trial.reason in report.stopped)
    ]
    pairs = [("failed", _describe_failure(trial)) for trial in failed[:MAX_FAILURES]]
    if len(failed) > MAX_FAILURES:
        rest = Counter(trial.cause or "unknown" for trial in failed[MAX_FAILURES:])
        causes = ", ".join(f"{number} {cause}" for cause, number in rest.most_common())
        pairs.append(("", Text(f"… and {len(failed) - MAX_FAILURES} more: {clean(causes)}")))
    return pairs


def _describe_failure(trial: TrialRecord) -> Text:
    return Text(f"{format_trial(trial.number)} {explain(trial.cause, trial.reason)}", style="red")


def _render_trials(report: SweepReport, trials: Iterable[TrialRecord]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("trial", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for objective in report.spec.objectives:
        table.add_column(clean(objective.metric), justify="right", no_wrap=True)
    table.add_column("epoch", justify="right", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    # Rich narrows the columns that may wrap first: this one alone, whose cells are cut instead.
    table.add_column(Text("parameters, or why it failed", no_wrap=True, overflow="ellipsis"))
    for trial in trials:
        table.add_row(
            Text(format_trial(trial.number)),
            _style_state(trial),
            Text(format_value(find_best_so_far(report, trial)[0])),
            *(Text(value) for _, value in list_other_values(report, trial)),
            Text(_describe_epoch(report, trial)),
            Text(format_duration(_measure_seconds(trial))),
            Text(_describe_trial(trial), style="dim", no_wrap=True, overflow="ellipsis"),
        )
    return table


def _describe_trial(trial: TrialRecord) -> str:
    if trial.state == "failed" or (trial.state == "pruned" and trial.cause):
        return explain(trial.cause, trial.reason)
    settings = format_settings(trial.params)
    return f"extends {format_trial(trial.extends.number)} {settings}" if trial.extends else settings


def _describe_epoch(report: SweepReport, trial: TrialRecord) -> str:
    if not trial.epoch:
        return NONE
    _, best_epoch = find_best_so_far(report, trial)
    return f"{best_epoch or NONE} of {trial.epoch}"


def _describe_value(report: SweepReport, trial: TrialRecord) -> str:
    value, _ = find_best_so_far(report, trial)
    if value is None:
        return NONE
    return f"{format_value(value)} at epoch {_describe_epoch(report, trial)}"


def _other_pairs(report: SweepReport, trial: TrialRecord) -> list[tuple[str, Text]]:
    """Tell a trial's further objectives, and whether it is on the front, where there are any."""
    others = list_other_values(report, trial)
    pairs = [(clean(name), Text(value)) for name, value in others]
    if others and trial.state == "complete":
        told = "on it" if is_on_front(report, trial) else "beaten by another trial"
        pairs.append(("Pareto front", Text(told)))
    return pairs


def _cause_pairs(report: SweepReport, trial: TrialRecord) -> list[tuple[str, Text]]:
    """Tell why a trial ended, and its attempts before; of an interrupted one its folder knows."""
    outcome = read_outcome(report, trial.number)
    known: Mapping[str, Any] = outcome if trial.state == "interrupted" else {}
    cause, reason = trial.cause or known.get("cause"), trial.reason or known.get("reason")
    pairs = [("why", Text(explain(cause, reason)))] if cause or reason else []
    attempts = outcome.get("earlier_attempts", ())
    for earlier in attempts:
        told = explain(earlier["cause"], earlier["reason"])
        pairs.append((f"attempt {earlier['attempt']}", Text(told)))
    if any(earlier["cause"] == Cause.OUT_OF_MEMORY for earlier in attempts):
        size, steps = outcome.get("batch_size"), outcome.get("gradient_accumulation_steps")
        pairs.append(("batch size", Text(f"{size}, {steps} batches to an update")))
    return pairs


def _loop_pairs(report: SweepReport, trial: TrialRecord) -> list[tuple[str, Text]]:
    """Tell how a trial was trained, where that was not the compiled loop."""
    outcome = read_outcome(report, trial.number)
    if outcome.get("loop") in (None, "compiled"):
        return []
    told = [outcome[key] for key in ("loop", "loop_reason") if outcome.get(key)]
    return [("loop", Text(clean(": ".join(told))))]


def _resume_pairs(report: SweepReport, trial: TrialRecord) -> list[tuple[str, Text]]:
    """Tell how a trial was continued, and the accepted changes that it was trained with."""
    outcome = read_outcome(report, trial.number)
    told = [outcome[key] for key in ("resume", "resume_reason") if outcome.get(key)]
    changes = report.accepted_changes[: trial.num_changes]
    pairs = [("resume", Text(clean(": ".join(told))))] if told else []
    return pairs + [("accepted change", Text(clean(change))) for change in changes]


def _describe_times(trial: TrialRecord) -> str:
    if trial.started is None:
        return NONE
    began = f"{trial.started.astimezone():%Y-%m-%d %H:%M:%S}"
    seconds = _measure_seconds(trial)
    return f"began {began}" + (f", took {format_duration(seconds)}" if seconds is not None else "")


def _measure_seconds(trial: TrialRecord) -> float | None:
    if trial.started is None or trial.finished is None:
        return None
    return (trial.finished - trial.started).total_seconds()


def _describe_budget(report: CheckReport) -> str:
    trials = count_of(report.spec.limits.trials, "trial")
    return f"{trials} of at most {count_of(report.spec.training.epochs, 'epoch')}"


def _describe_model(report: CheckReport) -> str:
    if report.num_weights is None:
        return ""
    return f"{report.num_weights:,} weights; logs {', '.join(report.metrics)}"


def _render_reports(report: SweepReport, trial: TrialRecord) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("epoch", justify="right")
    table.add_column(report.spec.objective.metric, justify="right")
    table.add_column("")
    for epoch, value in sorted(trial.reports.items()):
        mark = "best" if epoch == trial.best_epoch else ""
        table.add_row(str(epoch), format_value(value), Text(mark, style="green"))
    return table


def _style_state(trial: TrialRecord) -> Text:
    return Text(trial.state, style=STATE_STYLES.get(trial.state, ""))


def _param_pairs(trial: TrialRecord) -> list[tuple[str, Text]]:
    return [(clean(name), Text(clean(str(value)))) for name, value in trial.params.items()]
