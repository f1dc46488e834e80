"""Sources: where numbers come from, one file a kind."""
