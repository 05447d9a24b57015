"""MLServer, asked over HTTP by the KServe v2 protocol, on the loopback interface only."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

_LONGEST_START_SECONDS = 300


def ask_mlserver(
    python: Path, bundle: Path, folder: Path, name: str, array: Any
) -> tuple[Any, str]:
    """Serve a bundle's folder as it is, and ask for the predictions of an array.

    Args:
        python: Interpreter of an environment with mlserver and mlserver-mlflow.
        bundle: The bundle, in which nothing is written.
        folder: Where the server's settings and its log go.
        name: Name of the model's input.
        array: Its values, float32.

    Returns:
        The values of the first output, and what the server says that it is.
    """
    models = folder / "served"
    models.mkdir()
    ports = find_ports(3)
    settings = {
        "host": "127.0.0.1",
        **dict(zip(("http_port", "grpc_port", "metrics_port"), ports, strict=True)),
        "parallel_workers": 0,  # no processes of its own
        "debug": False,
    }
    (models / "settings.json").write_text(json.dumps(settings))
    model = {
        "name": "bundle",
        "implementation": "mlserver_mlflow.MLflowRuntime",
        "parameters": {"uri": str(bundle)},
    }
    (models / "model-settings.json").write_text(json.dumps(model))
    with (folder / "mlserver.log").open("wb") as log:
        server = subprocess.Popen(
            [str(python.with_name("mlserver")), "start", str(models)],
            cwd=folder,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": ""},
            stdout=log,
            stderr=log,
        )
    try:
        address = f"http://127.0.0.1:{ports[0]}/v2"
        wait_until_ready(server, f"{address}/models/bundle/ready", folder / "mlserver.log")
        version = ask(address)
        asked = {
            "parameters": {"content_type": "np"},
            "inputs": [
                {
                    "name": name,
                    "shape": list(array.shape),
                    "datatype": "FP32",
                    "data": array.ravel().tolist(),
                }
            ],
        }
        (found, *_) = ask(f"{address}/models/bundle/infer", asked)["outputs"]
        values = np.array(found["data"], "float32").reshape(found["shape"])
        return values, f"{version['name']} {version['version']} (KServe v2 over HTTP)"
    finally:
        server.terminate()
        server.wait(60)


def wait_until_ready(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    """Wait until the server says that its model is loaded."""
    deadline = time.monotonic() + _LONGEST_START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            ask(address)
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.5)
        else:
            return
    raise AssertionError(f"mlserver did not start:\n{log.read_text()[-3000:]}")


def ask(address: str, body: Any = None) -> Any:
    """Ask by GET, or by POST where there is something to send."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read() or b"{}")


def find_ports(count: int) -> list[int]:
    """Find ports of the loopback interface that nobody uses."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
