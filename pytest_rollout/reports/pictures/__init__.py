"""Pictures: one file a kind of picture, frozen facts in, a matplotlib Figure out."""
