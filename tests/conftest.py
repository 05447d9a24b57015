"""What tests of several rooms share."""

from __future__ import annotations

import contextlib
import shutil
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

    monkeypatch.setattr(clean_child, "open_runtimes", lambda **_: contextlib.nullcontext(runtimes))


@pytest.fixture
def shared_engine(local_engine: object, monkeypatch: pytest.MonkeyPatch) -> object:
    """Let sweeps in this process use the session's engine; it is a real one, only started once."""
    use_engine(monkeypatch, local_engine)
    return local_engine


def use_engine(patch: pytest.MonkeyPatch, engine: object) -> None:
    """Let sweeps in this process use an engine that is there already."""
    from sweeps import exporting, preflight, sweep

    for module in (exporting, preflight, sweep):
        patch.setattr(module, "start_engine", lambda _: contextlib.nullcontext(engine))


@pytest.fixture(scope="module")
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, local_engine: object
) -> Path:
    """Run the sweep that the test file's SPACE describes, once for all its tests."""
    import sweeps

    folder = tmp_path_factory.mktemp("trained")
    (folder / "tiny.yaml").write_text(request.module.SPACE)
    with pytest.MonkeyPatch.context() as patch:
        use_engine(patch, local_engine)
        return sweeps.run(folder / "tiny.yaml", results=folder).folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path, shared_engine: object) -> Path:
    """Give a copy of that sweep, which may be spoilt."""
    return Path(shutil.copytree(trained, tmp_path / "results" / "tiny"))
