"""What a GraphQL query may cost, judged before anything runs: tokens, depth, aliases, and the leaves it could return.

The estimate is an upper bound: every list in the schema is bounded by a `first` argument (or by a number known here),
so the leaves under it are at most that many times the leaves of one entry. Each fragment is measured once, however often
it is spread, so that a document of a few lines cannot keep the measuring busy. Introspection is bounded in the same way,
by the sizes of the schema itself, against a limit of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
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
from graphql.execution.values import get_variable_values
from graphql.type import (
    GraphQLCompositeType,
    SchemaMetaFieldDef,
    TypeMetaFieldDef,
    is_composite_type,
    is_list_type,
    is_non_null_type,
)

from graph.errors import QueryTooCostly

MOST_TOKENS = 2_000
MOST_DEPTH = 12
MOST_ALIASES = 30
MOST_LEAVES = 50_000
MOST_INTROSPECTED = 1_000_000
"""Leaves of introspection: far above what the usual tools' introspection query can give, for its bound is a loose one."""
FIXED = {"reasons": 5, "failedCi": 2}
"""Lists without `first`, but for the `edges` of a connection, which has the `first`."""
_META = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}


@dataclass(frozen=True)
class Cost:
    """What a selection may cost: leaves of answers, leaves of introspection, levels of fields, aliases."""

    leaves: int = 0
    introspected: int = 0
    depth: int = 0
    aliases: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.leaves + other.leaves,
            self.introspected + other.introspected,
            max(self.depth, other.depth),
            self.aliases + other.aliases,
        )


def check(schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any], operation: str | None = None) -> int:
    """The most leaves a valid query could return, introspection included.

    Raises `QueryTooCostly` where a limit is passed, naming it; `GraphQLError` for variables that do not fit the query.
    """
    cost = Cost()
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode) and _named(definition, operation):
            cost += _Measuring(schema, document, _coerced(schema, definition, variables)).operation(definition)
    for name, found, limit in (
        ("aliases", cost.aliases, MOST_ALIASES),
        ("depth", cost.depth, MOST_DEPTH),
        ("introspection", cost.introspected, MOST_INTROSPECTED),
        ("cost", cost.leaves, MOST_LEAVES),
    ):
        if found > limit:
            told = f"{found:,}" if found < 10**12 else "more than a million million"
            raise QueryTooCostly(
                f"this query has {_WORDS[name]} of {told}, the limit is {limit:,}; ask for less, or page with first and after",
                limit=name,
                found=min(found, 10**12),
                most=limit,
            )
    return cost.leaves + cost.introspected


_WORDS = {"aliases": "a number of aliases", "depth": "a depth", "introspection": "a cost of introspection", "cost": "a cost"}


def _named(definition: OperationDefinitionNode, operation: str | None) -> bool:
    return operation is None or (definition.name is not None and definition.name.value == operation)


def _coerced(schema: GraphQLSchema, definition: OperationDefinitionNode, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """The variables as the resolvers will see them: `10.0` is the integer 10, and defaults are filled in."""
    found = get_variable_values(schema, definition.variable_definitions or (), dict(variables), max_errors=10)
    if isinstance(found, list):
        raise found[0]
    return found.coerced


class _Measuring:
    """Measures one operation of a document that was found valid (so fragments have no cycles)."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._schema, self._variables = schema, variables
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self._measured: dict[tuple[str, int], Cost] = {}
        self._sizes = _sizes(schema)

    def operation(self, definition: OperationDefinitionNode) -> Cost:
        """What the operation may cost."""
        root = self._schema.get_root_type(definition.operation)
        return self._selection(root, definition.selection_set) if root else Cost()

    def _selection(self, parent: GraphQLCompositeType, selection: SelectionSetNode, edges: int = 1) -> Cost:
        """What one object of `parent` may cost for a selection; where it is a connection, of so many `edges`."""
        cost = Cost()
        for node in selection.selections:
            if isinstance(node, FieldNode):
                cost += self._field(parent, node, edges)
            elif isinstance(node, InlineFragmentNode):
                inner = self._schema.get_type(node.type_condition.name.value) if node.type_condition else parent
                if is_composite_type(inner):
                    cost += self._selection(inner, node.selection_set, edges)
            elif isinstance(node, FragmentSpreadNode):
                cost += self._fragment(node.name.value, edges)
        return cost

    def _fragment(self, name: str, edges: int) -> Cost:
        if (name, edges) not in self._measured:
            fragment = self._fragments[name]
            inner = self._schema.get_type(fragment.type_condition.name.value)
            found = self._selection(inner, fragment.selection_set, edges) if is_composite_type(inner) else Cost()
            self._measured[name, edges] = found
        return self._measured[name, edges]

    def _field(self, parent: GraphQLCompositeType, node: FieldNode, edges: int) -> Cost:
        name, alias = node.name.value, int(node.alias is not None)
        field = _META.get(name)
        if field is None and isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
            field = parent.fields.get(name)
        if field is None:  # __typename
            return Cost(leaves=1, depth=1, aliases=alias)
        if name in _META or parent.name.startswith("__"):
            return self._introspection(name, field, node)
        named = get_named_type(field.type)
        count = edges if name == "edges" else self._count(name, field, node)
        if not is_composite_type(named) or node.selection_set is None:
            return Cost(leaves=count, depth=1, aliases=alias)
        times, within = (count, 1) if _lists(field) else (1, count)
        inner = self._selection(named, node.selection_set, within)
        return Cost(times * inner.leaves, times * inner.introspected, inner.depth + 1, alias + inner.aliases)

    def _introspection(self, name: str, field: GraphQLField, node: FieldNode) -> Cost:
        """A field of the schema itself; graphql-core bounds its depth."""
        alias, named = int(node.alias is not None), get_named_type(field.type)
        times = self._sizes[name] if _lists(field) else 1
        if not is_composite_type(named) or node.selection_set is None:
            return Cost(introspected=times, depth=1, aliases=alias)
        inner = self._selection(named, node.selection_set)
        return Cost(0, times * (inner.leaves + inner.introspected), 1, alias + inner.aliases)

    def _count(self, name: str, field: GraphQLField, node: FieldNode) -> int:
        """How many entries the list or connection can give: its `first`; 1 where it is neither."""
        if "first" not in field.args:
            return FIXED[name] if _lists(field) else 1
        given = field.args["first"].default_value
        for argument in node.arguments or ():
            if argument.name.value == "first":
                if isinstance(argument.value, IntValueNode):
                    given = int(argument.value.value)
                elif isinstance(argument.value, VariableNode):
                    given = self._variables.get(argument.value.name.value, given)
        return max(0, given) if isinstance(given, int) else 1


def _lists(field: GraphQLField) -> bool:
    return is_list_type(field.type.of_type if is_non_null_type(field.type) else field.type)


def _sizes(schema: GraphQLSchema) -> dict[str, int]:
    """The most entries that a list of introspection has in this schema."""
    types = schema.type_map.values()
    fields = [field for made in types for field in getattr(made, "fields", {}).values()]
    return {
        "types": len(schema.type_map),
        "possibleTypes": len(schema.type_map),
        "interfaces": max((len(getattr(made, "interfaces", ())) for made in types), default=0),
        "fields": max((len(getattr(made, "fields", ())) for made in types), default=0),
        "inputFields": max((len(getattr(made, "fields", ())) for made in types), default=0),
        "enumValues": max((len(getattr(made, "values", ())) for made in types), default=0),
        "args": max((len(holder.args) for holder in [*fields, *schema.directives] if hasattr(holder, "args")), default=0),
        "directives": len(schema.directives),
        "locations": max((len(directive.locations) for directive in schema.directives), default=0),
    }
