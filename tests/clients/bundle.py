"""The bundle that all clients use: a real sweep, exported in every format."""

from __future__ import annotations

from pathlib import Path

FORMATS = ("keras", "saved_model", "onnx", "litert")
TOLERANCE = 1e-5
MODEL = Path(__file__).parents[1] / "fakes" / "served_model.py"


def make_bundle(folder: Path, formats: tuple[str, ...] = FORMATS) -> Path:
    """Run a sweep of two trials and give the folder of its bundle."""
    import sweeps

    space = folder / "served.yaml"
    space.write_text(
        f"model: {MODEL}:build\ndata: {MODEL}:load\n"
        "objective: {metric: val_accuracy, direction: maximize}\n"
        "limits: {trials: 2, workers: 1}\ntraining: {epochs: 2, batch_size: 16}\n"
        f"export: {{formats: [{', '.join(formats)}]}}\n"
    )
    report = sweeps.run(space, results=folder / "results")
    assert report.bundle is not None
    return report.bundle
