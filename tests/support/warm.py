"""Warm: a Python that has read pytest, its plugins and this package once, and forks itself for every run.

Most of what a small pytest run costs is reading modules. A fork of an
interpreter that has read them begins where a new one is after that. It is a
process of its own all the same: its environment, folder, arguments, output
and end (exit code, signal, `os._exit`, `atexit`) are real.

What a fork does not show is what an interpreter decides when it starts (`-O`,
`PYTHON*`, the locale), and a module that is read too early or not at all. So
whoever uses it runs a part of all cases in new interpreters as well, and all
of those that are about how a process starts or ends.

This file is the client when imported, and the server when run.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

# What a run imports beyond pytest and its plugins when a plan or a gate asks for it. No duckdb: it counts what is
# left of it at the end, and finds all that was frozen here.
_MODULES = ("filelock", "httpx", "jmespath", "multiprocessing.connection", "numpy", "scipy.stats", "yaml")
_AT_START = ("PYTHON", "LC_", "LD_", "LANG", "TZ", "OPENBLAS", "OMP_")
_RUN_AS_MAIN = {"pytest_rollout.cli", "pytest_rollout.world.serve"}
_LARGEST = 1 << 20


class WarmPython:
    """A server of forks: started with its first run, ended by `close`."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = {**env}
        self._server: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None

    def can_run(self, env: Mapping[str, str]) -> bool:
        """Whether this environment differs only in what a program reads itself, and not its interpreter."""
        differing = {name for name, _ in env.items() ^ self._env.items()}
        return not any(name.startswith(_AT_START) for name in differing)

    def run(
        self, module: str, words: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """What `subprocess.run` would give for `python -m module words` with captured text.

        Raises:
            subprocess.TimeoutExpired: It ran for longer than `timeout` seconds, and was killed.
        """
        link = self._link or self._start()
        command = [sys.executable, "-m", module, *words]
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        request = {"module": module, "words": [*words], "cwd": str(cwd), "env": {**env}}
        socket.send_fds(link, [json.dumps(request).encode()], [out_end, err_end])
        os.close(out_end)
        os.close(err_end)
        pid = self._heard(link)
        stdout, stderr, in_time = _read_all(out, err, until=time.monotonic() + timeout)
        if not in_time:
            os.kill(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(self._heard(link))
        if not in_time:
            raise subprocess.TimeoutExpired(command, timeout, stdout, stderr)
        return subprocess.CompletedProcess(command, status, stdout, stderr)

    def close(self) -> None:
        """End the server."""
        if self._server and self._link:
            self._link.close()
            self._server.communicate(timeout=10)

    def _heard(self, link: socket.socket) -> int:
        if said := link.recv(_LARGEST):
            return int(said)
        assert self._server
        raise RuntimeError(f"the server of warm runs is gone:\n{self._server.communicate()[1].decode()}")

    def _start(self) -> socket.socket:
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, __file__],
                stdin=theirs,
                stdout=subprocess.PIPE,  # as a run's own: a file would be found to be one that can be read again
                stderr=subprocess.PIPE,
                env={**self._env, "OPENBLAS_NUM_THREADS": "1"},  # a process of many threads cannot be forked
            )
        return self._link


def _read_all(out: int, err: int, *, until: float) -> tuple[str, str, bool]:
    """Both pipes to their ends, as text, and whether the ends came in time."""
    read: dict[int, bytearray] = {out: bytearray(), err: bytearray()}
    with selectors.DefaultSelector() as ready:
        for pipe in read:
            ready.register(pipe, selectors.EVENT_READ)
        while ready.get_map() and (left := until - time.monotonic()) > 0:
            for key, _ in ready.select(left):
                if some := os.read(key.fd, 1 << 16):
                    read[key.fd] += some
                else:
                    ready.unregister(key.fd)
        in_time = not ready.get_map()
    for pipe in read:
        os.close(pipe)
    stdout, stderr = (some.decode().replace("\r\n", "\n").replace("\r", "\n") for some in read.values())
    return stdout, stderr, in_time


# --- The server -------------------------------------------------------------------------------------------------------


def warm_up() -> None:
    """Read what runs need: pytest with its plugins as pytest itself reads them, then the package and its libraries."""
    import pytest

    with tempfile.TemporaryDirectory() as nothing:
        os.chdir(nothing)
        pytest.main(["-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", nothing, nothing])
        os.chdir("/")
    import pytest_rollout

    for module in pkgutil.walk_packages(pytest_rollout.__path__, "pytest_rollout."):
        if module.name not in _RUN_AS_MAIN:
            importlib.import_module(module.name)
    for name in _MODULES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def serve() -> dict | None:
    """Fork for each request and say how it ended; returns in each fork with its request, and None at the end."""
    link = socket.socket(fileno=os.dup(0))
    while True:
        request, ends, _, _ = socket.recv_fds(link, _LARGEST, 2)
        if not request:
            return None
        child = os.fork()
        if not child:
            link.close()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(ends[0], 1)
            os.dup2(ends[1], 2)
            os.closerange(3, 256)
            return json.loads(request)
        for end in ends:
            os.close(end)
        link.send(str(child).encode())
        link.send(str(os.waitpid(child, 0)[1]).encode())


def become(request: dict) -> None:
    """Take over what a new process would have been started with."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    tempfile.tempdir = None  # read from the environment once
    sys.path[0] = request["cwd"]
    sys.argv[1:] = request["words"]


if __name__ == "__main__":
    import warm_workers

    warm_up()
    if asked := serve():
        become(asked)
        if not (warm_workers.wanted(asked["words"]) and warm_workers.is_worker()):
            runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)
