"""YAML as people write it: no aliases (a short text could stand for a huge one), and no key told twice."""

from collections.abc import Hashable
from typing import Any

import yaml


class Plain:
    """Put before a loader of PyYAML, it refuses both."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):  # type: ignore[attr-defined] # a loader's
            raise yaml.YAMLError("it uses an alias (*): write it out")
        return super().compose_node(parent, index)  # type: ignore[misc] # a loader's

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        met: set[Any] = set()
        for named, _ in node.value:
            key = self.construct_object(named, deep=True)  # type: ignore[attr-defined] # a loader's
            if isinstance(key, Hashable):
                if key in met:
                    raise yaml.YAMLError(f"{key!r} is there twice, in line {node.start_mark.line + 1} or below")
                met.add(key)
        told: dict[Any, Any] = super().construct_mapping(node, deep)  # type: ignore[misc] # a loader's
        return told
