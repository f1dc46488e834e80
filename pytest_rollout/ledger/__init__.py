"""Ledger: what happened to a rollout, kept so that nothing is lost and no change goes unseen."""
