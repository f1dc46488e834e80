"""Forms: what each kind of source, of flags and of actions takes, as shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pytest_rollout.plan.shape import Choice, Shape, Text
from pytest_rollout.plan.structures import ByKind, Fields, Tree
from pytest_rollout.sources.protocol import Kind, Option


def by_kind(about: str, kinds: Mapping[str, Kind[object]]) -> ByKind:
    """One thing of a kind that the plan names, with the options of that kind."""
    return ByKind(about=about, forms=_Forms(kinds))


class _Forms(Mapping[str, Fields]):
    """The form of each kind, made when a plan names it: a kind is imported to be looked at."""

    def __init__(self, kinds: Mapping[str, Kind[object]]) -> None:
        self._kinds = kinds

    def __getitem__(self, name: str) -> Fields:
        return _form(self._kinds[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


def _form(kind: Kind[object]) -> Fields:
    shapes = {option.name: _option(option) for option in kind.options}
    needed = {option.name for option in kind.options if option.required}
    return Fields(
        about=kind.about,
        required={
            "kind": Choice(about=f"what it is: {kind.name}", words=(kind.name,)),
            **{name: shape for name, shape in shapes.items() if name in needed},
        },
        optional={name: shape for name, shape in shapes.items() if name not in needed},
    )


def _option(option: Option) -> Shape:
    return Tree(about=option.about) if option.mapping else Text(about=option.about)
