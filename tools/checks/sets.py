"""Tells which expressions are sets, as far as reading one file can show it; never runs the code."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

SET_NAMES = frozenset({"set", "frozenset", "Set", "AbstractSet", "MutableSet", "FrozenSet"})
"""Annotations and constructors of sets; collections.abc.Set is often imported as AbstractSet."""

SET_METHODS = frozenset({"union", "intersection", "difference", "symmetric_difference"})
VIEW_METHODS = frozenset({"keys", "items"})
SET_OPERATORS = (ast.BitOr, ast.BitAnd, ast.BitXor, ast.Sub)

Function = ast.FunctionDef | ast.AsyncFunctionDef
Scope = Function | ast.Lambda | ast.ClassDef | ast.Module

# fmt: off
ORDERED_CALLS = frozenset({
    "accumulate", "chain", "deque", "dict", "enumerate", "extend", "extendleft", "filter",
    "fromkeys", "islice", "iter", "join", "list", "map", "next", "repr", "str", "sum", "tuple",
    "zip",
})
# fmt: on
"""Functions and methods whose result shows the order of what they are given."""

UNORDERED_CALLS = frozenset({"sorted", "set", "frozenset", "any", "all", "len", "min", "max"})
"""Functions whose result does not, so a generator over a set may be handed to them."""


def is_set_annotation(annotation: ast.expr | None) -> bool:
    """Tell whether an annotation says set, alone, in a union, or with its element type."""
    match annotation:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in SET_NAMES
        case ast.Subscript(value=value, slice=inner):
            name = value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")
            wrapped = name in {"Final", "ClassVar", "Annotated", "Optional"}
            first = inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner
            return is_set_annotation(first if wrapped else value)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return is_set_annotation(left) or is_set_annotation(right)
        case ast.Constant(value=str(text)):
            try:
                return is_set_annotation(ast.parse(text, mode="eval").body)
            except SyntaxError:
                return False
    return False


def body_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Walk one scope, parents first, without entering functions and classes defined inside it."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, Scope):
            waiting.extend(ast.iter_child_nodes(node))


def arguments(scope: Scope) -> list[ast.arg]:
    """List the parameters of a scope; a module and a class have none."""
    if isinstance(scope, ast.Module | ast.ClassDef):
        return []
    every = scope.args
    stars = [star for star in (every.vararg, every.kwarg) if star]
    return [*every.posonlyargs, *every.args, *every.kwonlyargs, *stars]


def bound_names(scope: Scope) -> frozenset[str]:
    """Return the names a scope binds itself, so they do not mean what they mean around it."""
    found = {argument.arg for argument in arguments(scope)}
    for node in body_nodes(scope):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, Function | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
    return frozenset(found)


class Sets:
    """The names, fields and functions of some files that hold or return sets."""

    def __init__(self, trees: Iterable[ast.Module]) -> None:
        self.fields: set[str] = set()
        self.functions: set[str] = set()
        other: set[str] = set()
        for tree in trees:
            for node in ast.walk(tree):
                if isinstance(node, Function) and is_set_annotation(node.returns):
                    self.functions.add(node.name)
                elif isinstance(node, ast.ClassDef):
                    for line in node.body:
                        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                            found = is_set_annotation(line.annotation)
                            (self.fields if found else other).add(line.target.id)
        # A field name that is a set in one class and a list in another proves nothing.
        self.fields -= other

    def names(self, scope: Scope, outer: frozenset[str]) -> frozenset[str]:
        """Return the names that are sets within a scope, given those around it."""
        found = set(outer - bound_names(scope))
        for argument in arguments(scope):
            if is_set_annotation(argument.annotation):
                found.add(argument.arg)
        # Twice, since a set may be copied to a name above the line that makes it.
        for _ in range(2):
            for node in body_nodes(scope):
                found.update(self._bound(node, frozenset(found)))
        return frozenset(found)

    def _bound(self, node: ast.AST, names: frozenset[str]) -> Iterator[str]:
        match node:
            case ast.Assign(targets=targets, value=value) if self.is_set(value, names):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.NamedExpr(target=ast.Name(id=name), value=value) if self.is_set(value, names):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                if is_set_annotation(annotation):
                    yield name

    def is_set(self, node: ast.expr, names: frozenset[str]) -> bool:
        """Tell whether an expression is a set, where `names` are the names known to be sets."""
        match node:
            case ast.Set() | ast.SetComp():
                return True
            case ast.Name(id=name):
                return name in names
            case ast.Attribute(attr=name):
                return name in self.fields
            case ast.Call(func=ast.Name(id=name)):
                return name in {"set", "frozenset"} or name in self.functions
            case ast.Call(func=ast.Attribute(value=value, attr=name)):
                of_set = name in {*SET_METHODS, "copy"} and self.is_set(value, names)
                return of_set or name in self.functions
            case ast.BinOp(left=left, op=op, right=right) if isinstance(op, SET_OPERATORS):
                return any(self.is_set(side, names) or _is_view(side) for side in (left, right))
            case ast.IfExp(body=body, orelse=orelse):
                return self.is_set(body, names) or self.is_set(orelse, names)
            case ast.BoolOp(values=values):
                return any(self.is_set(value, names) for value in values)
        return False

    def order_shown(self, node: ast.AST, names: frozenset[str]) -> Iterator[ast.expr]:
        """Yield the sets whose order this node (not what is below it) lets through."""
        candidates: list[ast.expr] = []
        match node:
            case ast.For(iter=value) | ast.AsyncFor(iter=value):
                candidates = [value]
            case ast.ListComp() | ast.GeneratorExp() | ast.DictComp():
                candidates = [part.iter for part in node.generators]
            case ast.Starred(value=value) | ast.FormattedValue(value=value):
                candidates = [value]
            case ast.YieldFrom(value=value) | ast.AugAssign(op=ast.Add(), value=value):
                candidates = [value]
            case ast.Assign(targets=[ast.Tuple() | ast.List()], value=value):
                candidates = [value]
            case ast.Call(func=ast.Attribute(value=value, attr="pop"), args=[]):
                candidates = [value]
            case ast.Call(func=func, args=args, keywords=keywords):
                name = func.id if isinstance(func, ast.Name) else getattr(func, "attr", "")
                with_key = name in {"min", "max"} and any(word.arg == "key" for word in keywords)
                candidates = args if name in ORDERED_CALLS or with_key else []
        yield from (value for value in candidates if self.is_set(value, names))


def order_hidden(node: ast.AST) -> ast.expr | None:
    """Return the generator that this node consumes without showing its order, if it does."""
    match node:
        case ast.Call(func=ast.Name(id=name), args=[ast.GeneratorExp() as inner], keywords=[]):
            return inner if name in UNORDERED_CALLS else None
    return None


def _is_view(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr=name), args=[]):
            return name in VIEW_METHODS
    return False
