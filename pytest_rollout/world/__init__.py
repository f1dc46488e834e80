"""The embedded world: a small real service with faults to inject, for trying gates."""
