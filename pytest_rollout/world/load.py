"""World files: `world.py` read by its path, with its mistakes in its author's words."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path

from pytest_rollout.errors import WorldError
from pytest_rollout.world.model import World

_NAME = "world"


def load_world(file: Path) -> World:
    """Run a world file and take the `World` that it assigns to the name `world`.

    Modules beside the file can be imported by it.

    Raises:
        WorldError: No such file, an error in it (with file and line), or no world.
    """
    if not file.is_file():
        raise WorldError(f"{file}: there is no such world file")
    sys.path.append(str(file.parent))
    spec = importlib.util.spec_from_file_location("rollout_world", file)
    if spec is None or spec.loader is None:
        raise WorldError(f"{file}: a world is a Python file, whose name ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        raise WorldError(_told(error, file)) from error
    world = getattr(module, _NAME, None)
    if not isinstance(world, World):
        found = "it has none" if world is None else f"it is {type(world).__name__}"
        raise WorldError(f"{file}: a world file assigns a World to the name '{_NAME}', and {found}")
    return world


def _told(error: BaseException, file: Path) -> str:
    """`file:line: what was wrong`, for the innermost line of the world file that had to do with it."""
    if isinstance(error, SyntaxError):
        return f"{error.filename or file}:{error.lineno or 1}: {error.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    what = str(error) if isinstance(error, WorldError) else f"{type(error).__name__}: {error}"
    return f"{file}:{lines[-1] if lines else 1}: {what}"
