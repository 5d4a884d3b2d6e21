"""Groups of ids that name one thing: the connected components of `SAME_AS`."""

from collections.abc import Iterable
from typing import TypeVar

Node = TypeVar("Node", int, str)


def groups(pairs: Iterable[tuple[Node, Node]]) -> dict[Node, frozenset[Node]]:
    """For each id in `pairs` all ids it is joined with, itself included (union-find with path halving)."""
    parent: dict[Node, Node] = {}

    def root(node: Node) -> Node:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for one, other in pairs:
        parent[root(one)] = root(other)
    members: dict[Node, set[Node]] = {}
    for node in parent:
        members.setdefault(root(node), set()).add(node)
    return {node: group for ids in members.values() for group in (frozenset(ids),) for node in group}
