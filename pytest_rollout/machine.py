"""Machine: the host on which the gates run, as exact readings.

What it is doing is looked up once a run and written down, so that all gates
are told the same and a replay is told it again. What the hardware cannot say
is unknown, which proves nothing; a gate that is about such hardware alone
says so with `needs`, and is not applicable elsewhere.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from pytest_rollout.decisions import Reason
from pytest_rollout.errors import NotApplicable, QuestionError, SourceError, did_you_mean, listed
from pytest_rollout.estimates import Reading
from pytest_rollout.provenance import Provenance

if TYPE_CHECKING:
    from pytest_rollout.claims import GateClaims
    from pytest_rollout.readings import Readings

_UNITS = {
    "cpu": "%",
    "cpus": "",
    "memory": "%",
    "memory_total": "B",
    "memory_free": "B",
    "swap": "%",
    "load_average": "",
    "temperature": "°C",
}
_LOOK_SECONDS = 0.2
"""For how long the processors are watched."""
_TIMEOUT_SECONDS = 10.0


class Machine:
    """This host, as one gate sees it.

    Args:
        readings: The book of what was asked in this run, and its instant.
        claims: What the gate has read and claimed.
    """

    def __init__(self, readings: Readings, claims: GateClaims) -> None:
        self._readings, self._claims = readings, claims

    @property
    def cpu(self) -> Reading:
        """How busy all processors were together in a fifth of a second, in %."""
        return self._reading("cpu")

    @property
    def cpus(self) -> Reading:
        """How many processors there are."""
        return self._reading("cpus")

    @property
    def memory(self) -> Reading:
        """How much of the memory is in use, in %; what can be given back at once is not."""
        return self._reading("memory")

    @property
    def memory_total(self) -> Reading:
        """How much memory there is, in bytes."""
        return self._reading("memory_total")

    @property
    def memory_free(self) -> Reading:
        """How much memory a new process could have without swapping, in bytes."""
        return self._reading("memory_free")

    @property
    def swap(self) -> Reading:
        """How much of the swap space is in use, in %; unknown where there is none."""
        return self._reading("swap")

    @property
    def load_average(self) -> Reading:
        """How many processes ran or waited to, over the last five minutes."""
        return self._reading("load_average")

    @property
    def temperature(self) -> Reading:
        """The hottest sensor, in °C; unknown where none can be read, as in most virtual machines."""
        return self._reading("temperature")

    def disk(self, path: str = "/") -> Reading:
        """How full the file system of a path is, in %."""
        return self._disk(path, "used", "%")

    def disk_free(self, path: str = "/") -> Reading:
        """How much an ordinary user can still write to the file system of a path, in bytes."""
        return self._disk(path, "free", "B")

    def needs(self, *names: str) -> None:
        """Say that the gate is about hardware that can answer these; elsewhere it is not applicable.

        It stands in the gate's first line. Nothing else makes a gate not
        applicable: a library that is missing, or a look that failed, is doubt.

        Args:
            names: Such as `temperature`.

        Raises:
            NotApplicable: This hardware cannot answer one of them.
            QuestionError: No such name, or the gate has claimed something already.
        """
        unknown = [name for name in names if name not in _UNITS]
        if unknown or not names:
            lines = [f"machine.needs: {listed(unknown) or 'nothing'} is no reading; readings: {listed(_UNITS)}"]
            raise QuestionError(
                "; ".join([*lines, *(guess for name in unknown for guess in did_you_mean(name, _UNITS))])
            )
        try:
            seen = self._seen()
        except SourceError:
            return  # doubt, which the reading itself tells
        lacking = [name for name in names if seen.get(name, math.nan) is None]
        if lacking:
            why = f"this hardware cannot answer {listed(lacking)}"
            self._claims.excuse(why)
            raise NotApplicable(why)

    def _reading(self, name: str) -> Reading:
        read = self._claims.read(f"machine.{name}")
        provenance = Provenance(source="machine", query=name, at=self._readings.at)
        shown, unit = f"machine {name.replace('_', ' ')}", _UNITS[name]
        try:
            value = self._seen().get(name)
        except SourceError as error:
            return self._unknown(str(error), error.reason, shown, unit, provenance, read)
        if not isinstance(value, int | float) or isinstance(value, bool):
            why = f"this hardware cannot answer: no {name.replace('_', ' ')} can be read"
            return self._unknown(why, Reason.NO_DATA, shown, unit, provenance, read)
        found = Reading.exactly(value, unit, name=shown, provenance=provenance)
        return replace(found, sources=frozenset({read}))

    def _disk(self, path: str, what: str, unit: str) -> Reading:
        read = self._claims.read(f"machine.disk {path}")
        provenance = Provenance(source="machine", query=f"disk {what} {path}", at=self._readings.at)
        shown = f"machine disk {what} of {path}"
        try:
            found = self._readings.answers.share(("machine", "disk", path), lambda: _disk_now(path), _TIMEOUT_SECONDS)
        except SourceError as error:
            return self._unknown(str(error), error.reason, shown, unit, provenance, read)
        value = found.get(what) if isinstance(found, dict) else None
        if not isinstance(value, int | float):
            return self._unknown("the recorded disk is damaged", Reason.NO_DATA, shown, unit, provenance, read)
        return replace(Reading.exactly(value, unit, name=shown, provenance=provenance), sources=frozenset({read}))

    def _seen(self) -> dict[str, object]:
        found = self._readings.answers.share(("machine", "now"), _now, _TIMEOUT_SECONDS)
        if not isinstance(found, dict):
            raise SourceError("what was recorded of this host is damaged")
        return found

    @staticmethod
    def _unknown(why: str, reason: Reason, name: str, unit: str, provenance: Provenance, read: int) -> Reading:
        found = Reading.unknown(why, reason=reason, name=name, unit=unit, provenance=provenance)
        return replace(found, sources=frozenset({read}))


def _now() -> dict[str, float | None]:
    """What the host is doing; None for what this hardware cannot say."""
    psutil = _psutil()
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    sensors = psutil.sensors_temperatures() if hasattr(psutil, "sensors_temperatures") else {}
    hottest = [each.current for group in sensors.values() for each in group if each.current and each.current > 0]
    return {
        "cpu": psutil.cpu_percent(interval=_LOOK_SECONDS),
        "cpus": psutil.cpu_count(),
        "memory": memory.percent,
        "memory_total": memory.total,
        "memory_free": memory.available,
        "swap": swap.percent if swap.total else None,
        "load_average": psutil.getloadavg()[1],
        "temperature": max(hottest, default=None),
    }


def _disk_now(path: str) -> dict[str, float]:
    if not Path(path).exists():
        raise SourceError(f"there is no {path} on this host")
    usage = _psutil().disk_usage(path)
    return {"used": usage.percent, "free": usage.free}


def _psutil() -> ModuleType:
    """The library that knows hosts.

    Raises:
        SourceError: It is not installed.
    """
    try:
        import psutil
    except ImportError:
        raise SourceError("this host cannot be looked at: pip install 'pytest-rollout[machine]'") from None
    return psutil
