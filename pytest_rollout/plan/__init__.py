"""The plan: `rollout.yaml` as checked facts, with the place of each."""
