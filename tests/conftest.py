"""What tests of several rooms share."""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

FAKES = Path(__file__).parent / "fakes"

MakeSpace = Callable[..., Path]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the costly test of killed drivers be run in full."""
    parser.addoption(
        "--kills", type=int, default=5, help="how often the driver of one sweep is killed"
    )
    parser.addoption(
        "--soak-seconds", type=float, default=20, help="how long sweeps run under random faults"
    )
    parser.addoption("--starts", type=int, default=1, help="how often an engine starts and ends")


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """How often to kill the driver of one sweep."""
    number: int = request.config.getoption("--kills")
    return number


@pytest.fixture
def soak_seconds(request: pytest.FixtureRequest) -> float:
    """How long to run sweeps under random faults."""
    seconds: float = request.config.getoption("--soak-seconds")
    return seconds


@pytest.fixture
def make_space(tmp_path: Path) -> MakeSpace:
    """Write a space file of the tiny model; keyword arguments replace its lines."""

    def make(text: str = "", **lines: str) -> Path:
        given = {
            "name": "tiny",
            "model": f"{FAKES / 'tiny_model.py'}:build",
            "data": f"{FAKES / 'tiny_model.py'}:load",
            "objective": "{metric: val_accuracy, direction: maximize}",
            "limits": "{trials: 3, workers: 2}",
            "training": "{epochs: 3, batch_size: 16}",
            **lines,
        }
        body = "".join(f"{key}: {value}\n" for key, value in given.items() if value)
        path = tmp_path / "tiny.yaml"
        path.write_text(body + textwrap.dedent(text))
        return path

    return make


@pytest.fixture(scope="session")
def local_engine() -> Iterator[object]:
    """Start one fork server for the whole test session: importing Keras takes seconds."""
    from sweeps.engines.local import LocalEngine

    engine = LocalEngine()
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def runtimes() -> Iterator[object]:
    """Prove formats in the same clean processes all session long; they are started when needed."""
    from sweeps.bundles.clean_child import Runtimes

    with Runtimes() as shared:
        yield shared


@pytest.fixture(autouse=True)
def _share_runtimes(runtimes: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let exports of this process use them: importing TensorFlow anew for each takes seconds."""
    from sweeps.bundles import clean_child

    monkeypatch.setattr(clean_child, "open_runtimes", lambda: contextlib.nullcontext(runtimes))


@pytest.fixture
def shared_engine(local_engine: object, monkeypatch: pytest.MonkeyPatch) -> object:
    """Let sweeps in this process use the session's engine; it is a real one, only started once."""
    from sweeps import exporting, preflight, sweep

    @contextlib.contextmanager
    def start(name: str) -> Iterator[object]:
        yield local_engine

    for module in (exporting, preflight, sweep):
        monkeypatch.setattr(module, "start_engine", start)
    return local_engine
