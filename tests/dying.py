"""A store whose process ends between two commits."""

from typing import Any

from graph.store import Applied, Batch, Store


class Killed(BaseException):
    """Stands for the end of the process."""


class Dying:
    """A store whose process ends after some commits."""

    def __init__(self, store: Store, commits: int) -> None:
        self._store, self._left = store, commits

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def apply(self, batch: Batch, *more: Any) -> Applied:
        if self._left == 0:
            raise Killed
        self._left -= 1
        return self._store.apply(batch, *more)
