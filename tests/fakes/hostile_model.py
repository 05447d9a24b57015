"""The tiny model, built by code that does what no other trial may notice.

Which trial does what is written beside this file, and the learning rate says which trial it is: a
parameter would be tried out, in all its choices, before the sweep begins.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import json
import logging
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tiny_model

load = tiny_model.load

FIRST_RATE = 0.02
"""The learning rate of trial 0; each later one has 0.001 more."""
LITTER = Path(__file__).parent / "litter"
"""Where this code leaves what it wants to leave: copy the file before it is used."""


def build(hp):
    """Do what is planned for this trial, then build."""
    plan = json.loads((Path(__file__).parent / "plan.json").read_text())
    number = round(1000 * (hp.Float("learning_rate", 1e-3, 1e-1, sampling="log") - FIRST_RATE))
    FAULTS[plan[number] if number in range(len(plan)) else "nothing"]()
    return tiny_model.build(hp)


def nothing():
    """Do nothing."""


def raise_error():
    raise RuntimeError("an ordinary mistake")


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def segfault():
    print("printed before the crash")
    ctypes.string_at(0)


def abort():
    os.abort()


def os_exit():
    os._exit(7)


def sys_exit():
    sys.exit(7)


def raise_memory_error():
    np.ones(1 << 50)


def allocate():
    np.ones(10 << 30, "uint8")


def loop():
    while True:
        pass


def deadlock():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def print_much():
    for _ in range(20_000):
        print("print_much: by Python")
    sys.stderr.write("print_much: to stderr\n")
    ctypes.CDLL(None).puts(b"print_much: by C")
    os.write(1, b"print_much: by a descriptor\n")


def log():
    logging.basicConfig(level=logging.DEBUG, force=True)
    logging.getLogger().addHandler(logging.FileHandler(LITTER / "root.log"))
    logging.getLogger("sweeps").debug("log: by the root logger")


def change_directory():
    os.chdir(LITTER)
    Path("written_here.txt").write_text("by the model")


def change_environment():
    for name in ("KERAS_BACKEND", "PATH", "HOME", "TMPDIR", "CUDA_VISIBLE_DEVICES"):
        os.environ[name] = "broken"
    os.umask(0o077)


def take_signals():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    signal.alarm(1)


def leave_threads():
    for daemon in (False, True):
        threading.Thread(target=time.sleep, args=(1000,), daemon=daemon).start()


def leave_children():
    for new_session in (False, True):
        subprocess.Popen(["sleep", "1000"], start_new_session=new_session)
    # A daemon by the book: its parent is gone at once.
    subprocess.run(["sh", "-c", "setsid sleep 1000 & :"], check=True)


def leave_children_and_wait():
    leave_children()
    time.sleep(1000)


def leave_child_and_die():
    """Leave one that holds the trial's own connection, in a session of its own."""
    if os.fork() == 0:
        os.setsid()
        time.sleep(1000)
    kill()


def fork_and_come_back():
    """Let two processes build, train and report the same trial."""
    os.fork()


def close_output():
    os.closerange(0, 3)


def write_everywhere():
    for descriptor in range(3, 256):
        with contextlib.suppress(OSError):
            os.write(descriptor, b"no message\n")


def close_everything():
    os.closerange(3, 4096)


def change_runtime():
    random.seed(1)
    np.random.seed(1)
    keras.utils.set_random_seed(1)
    sys.setrecursionlimit(900)
    keras.mixed_precision.set_global_policy("mixed_float16")
    tf.config.run_functions_eagerly(True)
    tf.config.optimizer.set_jit(True)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    atexit.register(loop)


def disturb():
    """Do all at once that a trial survives."""
    for each in (
        print_much,
        log,
        change_directory,
        leave_threads,
        leave_children,
        take_signals,
        change_environment,
        change_runtime,
        close_output,
    ):
        each()


FAULTS = {
    each.__name__: each
    for each in (
        nothing,
        raise_error,
        kill,
        segfault,
        abort,
        os_exit,
        sys_exit,
        raise_memory_error,
        allocate,
        loop,
        deadlock,
        disturb,
        leave_children,
        leave_children_and_wait,
        leave_child_and_die,
        fork_and_come_back,
        close_everything,
        write_everywhere,
    )
}
