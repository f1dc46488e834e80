"""Statistics: arrays and counts in, bounds out; no pytest and no I/O."""
