"""Names: what the things of a plan may be called."""

from __future__ import annotations

from pytest_rollout.plan.shape import Name

ROLLOUT = Name(
    about="the rollout's name",
    pattern="[a-z0-9][a-z0-9-]*",
    letters="lower-case letters, digits and '-', first a letter or digit",
)
METRIC = Name(
    about="a metric's name",
    pattern="[a-z][a-z0-9_.]*",
    letters="lower-case letters, digits, '_' and '.', first a letter",
)
PHASE = Name(
    about="a phase's name, which is its marker too",
    pattern="[a-z][a-z0-9_]*",
    letters="lower-case letters, digits and '_', first a letter",
)
LINK = Name(about="what a link leads to", pattern=PHASE.pattern, letters=PHASE.letters)
LEVEL = Name(about="a level's name", pattern=PHASE.pattern, letters=PHASE.letters)
ENVIRONMENT = Name(
    about="an environment's name",
    pattern="[a-z][a-z0-9_-]*",
    letters="lower-case letters, digits, '_' and '-', first a letter",
)
SOURCE = Name(about="a source's name", pattern=ENVIRONMENT.pattern, letters=ENVIRONMENT.letters)
KIND = Name(about="a kind of source", pattern=PHASE.pattern, letters=PHASE.letters)
