"""What tests of several folders share: servers, rollouts, rows, and a Python that is warm."""
