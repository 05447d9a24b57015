"""Every error a caller may want to catch, in one tree.

::

    SweepsError                  exit status
    ├── SpecError                2   the space file says something impossible; all mistakes at once
    ├── CheckError               2   the model or the data fail before the first training step
    ├── OptionError              2   an argument of a command or function makes no sense
    ├── InputError               2   what a model is to predict on does not fit it
    ├── MissingExtraError        2   an optional package is not installed
    ├── SweepExistsError         2   `run` on a folder that already holds a sweep
    ├── SweepNotFoundError       2   a folder that holds no sweep
    ├── ResumeRefusedError       2   the spec, code, data or versions changed since the sweep began
    ├── SweepHeldError           3   another process holds the sweep
    ├── NoLeaderError            1   no trial has completed, so there is no best one
    ├── DiskFullError            1   the sweep's folder cannot be written: free space, then resume
    ├── JournalError             1   the study's journal is damaged
    ├── CheckpointError          1   a checkpoint is missing, incomplete or changed
    ├── BundleError              1   a bundle is incomplete, changed or does not reproduce its score
    ├── UnsafeModelError         1   a model file holds code, or what else is not loaded on trust
    ├── UnsafeFolderError        2   a sweep's folder holds a link, which is never followed
    ├── ForkServerError          1   the process that forks trials could not start, or died
    └── search.trials
        ├── TrialFinishedError   1   a late result of a trial that has ended already
        ├── StaleAttemptError    1   a late result of an attempt that was given up for a newer one
        ├── SpaceExhaustedError  1   every configuration of a finite space has been tried
        ├── InfeasibleSpaceError 2   no point fulfils the constraints
        └── ParameterError       2   a value or a declaration that the parameter cannot have

    SystemExit
    └── TerminatedError         75   SIGTERM, where it cannot wait for trials to be saved
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

_SECRETS = re.compile(r"(://)[^\s/@:]*(?::\S*)?(?=@)|(\b(?i:password|passwd)=)[^\s'\"&]+")


def mask_secrets(text: str) -> str:
    """Replace what a URL holds before ``@``, and passwords, by ``***``: for messages and records.

    An address of a database may be given where we do not expect it, or be quoted by a library.
    """
    return _SECRETS.sub(lambda found: (found[1] or found[2]) + "***", text)


class SweepsError(Exception):
    """Root of all errors raised on purpose by this package. Its text holds no password."""

    exit_status = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(mask_secrets(message))


@dataclass(frozen=True)
class Problem:
    """One mistake: where it is, and what was given, expected and is to be done.

    Attributes:
        where: ``file:line`` of a space file, or another place a user can go to.
        key: Dotted key such as ``pruner.name``; empty where no key is concerned.
        message: What was given, what was expected, what to do.
    """

    where: str
    key: str
    message: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", mask_secrets(self.message))

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, self.message) if part)


class SpecError(SweepsError):
    """The space file is wrong. Carries every mistake found, not only the first."""

    exit_status = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class CheckError(SweepsError):
    """The model or the data cannot be trained as asked; found before the first training step."""

    exit_status = 2

    def __init__(self, problems: Sequence[Problem], traceback: str = "") -> None:
        self.problems = tuple(problems)
        self.traceback = traceback
        super().__init__("\n".join(str(problem) for problem in self.problems))


class OptionError(SweepsError):
    """An argument makes no sense; the message says which and what would."""

    exit_status = 2


class InputError(SweepsError):
    """What a model was asked about does not fit it: a shape, a type, a value, a file."""

    exit_status = 2


class MissingExtraError(SweepsError):
    """An optional package is needed; the message holds the command that installs it."""

    exit_status = 2

    def __init__(self, what: str, *, package: str, extra: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(
            f"{what} needs the package {package!r}, which is not installed. "
            f"Install it with: pip install 'keras-sweeps[{extra}]'"
        )


class SweepExistsError(SweepsError):
    """The folder already holds a sweep."""

    exit_status = 2


class SweepNotFoundError(SweepsError):
    """The folder holds no sweep."""

    exit_status = 2


class ResumeRefusedError(SweepsError):
    """What the sweep was started with has changed; the message holds the difference."""

    exit_status = 2


class SweepHeldError(SweepsError):
    """Another live process holds the sweep."""

    exit_status = 3


class NoLeaderError(SweepsError):
    """No trial has completed yet."""


class DiskFullError(SweepsError):
    """Nothing more can be written to the sweep's folder; what was confirmed is kept."""


class JournalError(SweepsError):
    """The study's journal is damaged before its last record."""


class CheckpointError(SweepsError):
    """A checkpoint is missing, incomplete or not what was recorded."""


class BundleError(SweepsError):
    """A bundle is incomplete, changed, or does not reproduce its recorded score."""


class UnsafeModelError(SweepsError):
    """A model file holds code, or something else that Keras does not write; it was not loaded."""


class UnsafeFolderError(SweepsError):
    """A sweep's folder holds a link or a special file, which is never followed."""

    exit_status = 2


class TerminatedError(SystemExit):
    """SIGTERM came where nothing has to be saved first: as KeyboardInterrupt, for Ctrl-C."""

    def __init__(self) -> None:
        super().__init__(75)


def describe_error(error: BaseException) -> str:
    """Say in one line what was raised; our own errors speak for themselves, without their type."""
    if isinstance(error, SweepsError) and str(error):
        return str(error)
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return mask_secrets(text)


def describe_traceback(error: BaseException) -> str:
    """Give the traceback of an error as Python prints it, without passwords."""
    return mask_secrets("".join(traceback.format_exception(error)))
