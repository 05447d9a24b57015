"""A tiny model whose trials take more than they may, by the value of `fault`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tests.fakes import tiny_model

load = tiny_model.load
LARGE = 10 << 30


def hang():
    """Load data for ever."""
    time.sleep(1000)


def allocate():
    """Fill 10 GB, and would wait then."""
    np.ones(LARGE, "uint8")
    time.sleep(1000)


def allocate_in_child():
    """Let a process fill memory that has left our group and session."""
    code = f"import time; held = bytearray(b'1') * {LARGE}; time.sleep(1000)"
    subprocess.run([sys.executable, "-c", code], start_new_session=True, check=False)


def build(hp):
    """Build the tiny model, after the fault where this is a trial and not the check before it."""
    is_trial = Path("/proc/self/fd/1").readlink().name == "log.txt"
    if hp.Choice("fault", ["none", "memory"]) == "memory" and is_trial:
        allocate()
    print("sees GPUs:", repr(os.environ.get("CUDA_VISIBLE_DEVICES")))
    print("score:", Path("/proc/self/oom_score_adj").read_text())
    return tiny_model.build(hp)
