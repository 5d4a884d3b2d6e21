"""What a GraphQL query may cost, judged before anything runs: tokens, depth, aliases, and the leaves it could return.

The estimate is an upper bound: every list in the schema is bounded by a `first` argument (or by a number known here),
so the leaves under it are at most that many times the leaves of one entry.
"""

from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)
from graphql.type import GraphQLCompositeType, is_composite_type, is_leaf_type, is_list_type, is_non_null_type

from graph.errors import QueryTooCostly

MOST_TOKENS = 2_000
MOST_DEPTH = 12
MOST_ALIASES = 30
MOST_LEAVES = 50_000
_FIXED = {"edges": 1, "reasons": 5}
"""Lists without `first`: the edges of a connection are counted at the connection, reasons are at most five."""
_INTROSPECTED = 200


def check(schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any], operation: str | None = None) -> int:
    """The most leaves this query could return. Raises `QueryTooCostly` where a limit is passed, naming it."""
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    chosen = [d for d in operations if operation is None or (d.name and d.name.value == operation)]
    counting = _Counting(fragments, variables)
    cost = 0
    for definition in chosen:
        defaults = {v.variable.name.value: v.default_value for v in definition.variable_definitions or ()}
        counting.defaults = {name: int(node.value) for name, node in defaults.items() if isinstance(node, IntValueNode)}
        root = schema.query_type
        assert root is not None
        cost += counting.leaves(schema, root, definition.selection_set, 1)
    for name, found, limit in (
        ("aliases", counting.aliases, MOST_ALIASES),
        ("depth", counting.deepest, MOST_DEPTH),
        ("cost", cost, MOST_LEAVES),
    ):
        if found > limit:
            raise QueryTooCostly(
                f"this query has a {name} of {found:,}, the limit is {limit:,}; ask for less, or page with first and after",
                limit=name,
                found=found,
                most=limit,
            )
    return cost


class _Counting:
    """Counts over one document; fragments are followed where they are spread."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode], variables: Mapping[str, Any]) -> None:
        self.fragments, self.variables = fragments, variables
        self.defaults: dict[str, int] = {}
        self.aliases = self.deepest = 0

    def leaves(self, schema: GraphQLSchema, parent: GraphQLCompositeType, selection: SelectionSetNode, depth: int) -> int:
        """The most leaves one object of `parent` gives for a selection."""
        self.deepest = max(self.deepest, depth)
        if depth > MOST_DEPTH * 2:
            return 0
        total = 0
        for node in selection.selections:
            if isinstance(node, FieldNode):
                total += self._field(schema, parent, node, depth)
            elif isinstance(node, InlineFragmentNode):
                inner = schema.get_type(node.type_condition.name.value) if node.type_condition else parent
                if is_composite_type(inner):
                    total += self.leaves(schema, inner, node.selection_set, depth)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self.fragments[node.name.value]
                inner = schema.get_type(fragment.type_condition.name.value)
                if is_composite_type(inner):
                    total += self.leaves(schema, inner, fragment.selection_set, depth)
        return total

    def _field(self, schema: GraphQLSchema, parent: GraphQLCompositeType, node: FieldNode, depth: int) -> int:
        self.aliases += node.alias is not None
        name = node.name.value
        if name.startswith("__"):
            return 1 if node.selection_set is None else _INTROSPECTED
        field = parent.fields[name] if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) else None
        if field is None:
            return 1
        times = self._times(name, field, node)
        named = get_named_type(field.type)
        if is_leaf_type(named) or node.selection_set is None:
            return times
        return times * self.leaves(schema, named, node.selection_set, depth + 1)

    def _times(self, name: str, field: GraphQLField, node: FieldNode) -> int:
        """How many entries the field can give: its `first`, or 1 where it gives no list."""
        if "first" in field.args:
            for argument in node.arguments or ():
                if argument.name.value == "first":
                    if isinstance(argument.value, IntValueNode):
                        return max(0, int(argument.value.value))
                    if isinstance(argument.value, VariableNode):
                        variable = argument.value.name.value
                        given = self.variables.get(variable, self.defaults.get(variable, field.args["first"].default_value))
                        return max(0, given) if isinstance(given, int) else 1
            default = field.args["first"].default_value
            return default if isinstance(default, int) else 1
        kind = field.type.of_type if is_non_null_type(field.type) else field.type
        return _FIXED[name] if is_list_type(kind) else 1
