"""The embedded world: a small real service with faults to inject, for trying gates.

`world.py` beside a plan assigns a `World` to the name `world`; these are the
names it is written with. The service runs in a process of its own.
"""

from pytest_rollout.world.model import Call, Fault, Reply, Series, World

__all__ = ["Call", "Fault", "Reply", "Series", "World"]
