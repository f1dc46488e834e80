"""Experiments: who gets what, and how two arms compare; where rows live is behind one protocol."""
