"""Threads: what becomes of the threads that a gate starts.

What a thread finds after its gate has ended is lost, or taken for the next
gate's; an assert that ends a thread ends no gate. pytest warns of the second,
unless somebody has turned its warnings off; a gate must not hang on that.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_rollout.errors import listed

_GRACE_SECONDS = 0.5
"""How long a thread that was told to end may take to do so."""


class Threads:
    """The threads of one gate, while its function runs.

    Args:
        folder: The rollout's folder: what runs code of it is the gate's thread, and a library's own is not.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before = frozenset(threading.enumerate())
        self._died: list[str] = []

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Hear of threads that die, before pytest does."""
        told = threading.excepthook

        def died(args: threading.ExceptHookArgs) -> None:
            name = args.thread.name if args.thread else "?"
            self._died.append(f"the thread {name} died of {args.exc_type.__name__}: {args.exc_value}".rstrip(": "))
            told(args)

        threading.excepthook = died
        try:
            yield
        finally:
            threading.excepthook = told

    def faults(self) -> Iterator[str]:
        """What speaks against a gate that ended well, in words for its author."""
        give_up = time.monotonic() + _GRACE_SECONDS
        while names := [each.name for each in threading.enumerate() if each not in self._before and self._is_own(each)]:
            if time.monotonic() > give_up:
                yield f"the thread {listed(names)} still runs, and nobody hears what it finds: join it"
                break
            time.sleep(_GRACE_SECONDS / 10)
        yield from self._died

    def _is_own(self, thread: threading.Thread) -> bool:
        """Whether a thread runs code of the gate or beside it, or was given it to run."""
        frame = sys._current_frames().get(thread.ident or 0)
        running = [each.f_code for each, _ in traceback.walk_stack(frame)] if frame else []
        given = [vars(thread).get(name) for name in ("_target", "function")]
        given += [*vars(thread).get("_args", ()), *vars(thread).get("args", ())]
        codes = [getattr(getattr(each, "__func__", each), "__code__", None) for each in given]
        codes += [getattr(each, "cr_code", None) for each in given]
        return any(self._folder in Path(code.co_filename).parents for code in [*running, *codes] if code)
