"""Sign-off: what people have signed, with their own keys, and whether it counts."""
