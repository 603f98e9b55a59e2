"""Lint of the deterministic parts: no clock, chance, environment, disk, network or set order.

Run it with `python -m tools.checks.determinism`. It reads source and never runs it, so it cannot
see a name made at run time, the type of a value made elsewhere, or what a function handed in does.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tools.checks import rules
from tools.checks.rules import Rule
from tools.checks.sets import Scope, Sets, body_nodes, bound_names, order_hidden

OURS = frozenset({"engine", "journal", "projections", "replay", "tools", "tests"})


class Finding(NamedTuple):
    """One thing that may not be in deterministic code. `line` counts from 1, `column` too."""

    path: str
    line: int
    column: int
    found: str
    rule: Rule

    def __str__(self) -> str:
        """Say it in one line, in the form editors jump to."""
        place = f"{self.path}:{self.line}:{self.column}"
        return f"{place}: {self.found}: {self.rule.why}; {self.rule.instead}"


def is_listed(path: str, listed: Sequence[str] = rules.DETERMINISTIC) -> bool:
    """Tell whether a file, by its path below the root, belongs to the deterministic parts."""
    return path not in rules.EXCEPT and any(
        path == entry or (entry.endswith("/") and path.startswith(entry)) for entry in listed
    )


def forbidden(dotted: str) -> Rule | None:
    """Return the rule for a dotted name: its own, or that of the nearest name above it."""
    name = dotted
    while name:
        if name in rules.FORBIDDEN:
            return rules.FORBIDDEN[name]
        name = name.rpartition(".")[0]
    return None


def file_of(module: str, root: Path) -> str | None:
    """Return the path below root that a dotted module name of ours stands for."""
    for candidate in (f"{module.replace('.', '/')}.py", f"{module.replace('.', '/')}/__init__.py"):
        if (root / candidate).is_file():
            return candidate
    return None


def is_type_checking(node: ast.AST) -> bool:
    """Tell whether a node is `if TYPE_CHECKING:`, whose imports never run."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
            return True
    return False


class Lint:
    """The lint of one file."""

    def __init__(self, path: str, tree: ast.Module, sets: Sets, root: Path) -> None:
        self.path = path
        self.tree = tree
        self.sets = sets
        self.root = root
        self.findings: list[Finding] = []
        # Local name -> dotted name, for imports that are allowed as a whole.
        self.imported: dict[str, str] = {}
        unreal = (node for node in ast.walk(tree) if is_type_checking(node))
        self.unreal = {id(inner) for node in unreal for inner in ast.walk(node)}
        # Nodes whose parent has dealt with them.
        self.hidden: set[int] = set()
        self.reported: set[int] = set()

    def run(self) -> list[Finding]:
        """Return what was found, in the order of the file."""
        for node in ast.walk(self.tree):
            if id(node) not in self.unreal:
                self._imports(node)
        self._scope(self.tree, frozenset(), frozenset())
        return sorted(set(self.findings))

    def _add(self, node: ast.expr | ast.stmt, found: str, rule: Rule) -> None:
        finding = Finding(self.path, node.lineno, node.col_offset + 1, found, rule)
        self.findings.append(finding)

    def _imports(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if self._import_is_fine(node, alias.name, alias.name):
                    local = alias.asname or alias.name.partition(".")[0]
                    self.imported[local] = alias.name if alias.asname else local
        elif isinstance(node, ast.ImportFrom):
            module = self._absolute(node)
            for alias in node.names:
                if alias.name == "*":
                    self._add(node, f"from {module} import *", rules.STAR_IMPORT)
                elif self._import_is_fine(node, module, f"{module}.{alias.name}"):
                    self.imported[alias.asname or alias.name] = f"{module}.{alias.name}"

    def _absolute(self, node: ast.ImportFrom) -> str:
        package = self.path.split("/")[:-1]
        above = package[: len(package) - node.level + 1] if node.level else []
        return ".".join([*above, *([node.module] if node.module else [])])

    def _import_is_fine(self, node: ast.stmt, module: str, dotted: str) -> bool:
        top = module.partition(".")[0]
        rule = forbidden(dotted)
        if rule is None and top in OURS:
            dotted = dotted if file_of(dotted, self.root) else module
            file = file_of(dotted, self.root)
            rule = None if file and is_listed(file) else rules.OUR_IMPURE
        elif rule is None and top not in rules.ALLOWED_MODULES:
            rule = rules.UNKNOWN_MODULE
        if rule:
            self._add(node, f"import of {dotted}", rule)
        return rule is None

    def _scope(self, scope: Scope, sets: frozenset[str], bound: frozenset[str]) -> None:
        here = self.sets.names(scope, sets)
        names = bound | bound_names(scope)
        # Names of a class are not seen by its methods.
        below = (sets, bound) if isinstance(scope, ast.ClassDef) else (here, names)
        for node in body_nodes(scope):
            if id(node) in self.unreal:
                continue
            self._names(node, names)
            self._calls(node)
            self._statements(node)
            self._order(node, here)
            if isinstance(node, Scope):
                self._scope(node, *below)

    def _names(self, node: ast.AST, bound: frozenset[str]) -> None:
        match node:
            case ast.Name(id=name, ctx=ast.Load()) if name not in bound:
                if name in rules.BUILTINS:
                    self._add(node, f"{name}()", rules.BUILTINS[name])
            case ast.Attribute(attr=name, value=above) if id(node) not in self.reported:
                dotted = self._dotted(node)
                rule = forbidden(dotted) if dotted else None
                if rule:
                    self._add(node, dotted, rule)
                    self.reported.add(id(above))
                elif name in rules.METHODS:
                    self._add(node, f".{name}()", rules.METHODS[name])

    def _dotted(self, node: ast.expr) -> str:
        """Resolve `alias.name.name` to its full dotted name; empty when it is no import's."""
        match node:
            case ast.Name(id=name):
                return self.imported.get(name, "")
            case ast.Attribute(value=value, attr=name):
                above = self._dotted(value)
                return f"{above}.{name}" if above else ""
        return ""

    def _calls(self, node: ast.AST) -> None:
        match node:
            case ast.Call(func=ast.Name(id="sum"), args=[values, *_]) if not _adds_integers(values):
                self._add(node, "sum()", rules.SUM)
            case ast.Call(func=ast.Attribute(attr="astimezone"), args=[], keywords=[]):
                self._add(node, ".astimezone() without a zone", rules.ZONE)
            case ast.Call(func=func, args=[_], keywords=[]):
                if self._dotted(func) == "datetime.datetime.fromtimestamp":
                    self._add(node, "fromtimestamp() without a zone", rules.ZONE)

    def _statements(self, node: ast.AST) -> None:
        match node:
            case ast.AsyncFunctionDef() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
                self._add(node, "async code", rules.SCHEDULER)
            case ast.Global(names=names):
                self._add(node, f"global {', '.join(names)}", rules.MUTABLE_GLOBAL)
            case ast.BinOp(op=ast.Pow(), right=right) if _needs_c_library(right):
                self._add(node, "a power with a negative or fractional exponent", rules.C_LIBRARY)

    def _order(self, node: ast.AST, names: frozenset[str]) -> None:
        hidden = order_hidden(node)
        if hidden is not None:
            self.hidden.add(id(hidden))
        if id(node) not in self.hidden:
            for value in self.sets.order_shown(node, names):
                self._add(value, f"the order of the set `{ast.unparse(value)}`", rules.SET_ORDER)


def _adds_integers(values: ast.expr) -> bool:
    match values:
        case ast.GeneratorExp(elt=element) | ast.ListComp(elt=element):
            return _adds_integers(ast.Tuple(elts=[element]))
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return all(_is_integer(element) for element in elements)
        case ast.Call(func=ast.Name(id="map"), args=[ast.Name(id="len" | "int"), *_]):
            return True
    return False


def _is_integer(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=int()) | ast.Compare() | ast.UnaryOp(op=ast.Not()):
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in {"len", "int", "ord", "bool"}
    return False


def _needs_c_library(exponent: ast.expr) -> bool:
    match exponent:
        case ast.UnaryOp(op=ast.USub()) | ast.Constant(value=float()):
            return True
    return False


def find(sources: Mapping[str, str], root: Path) -> list[Finding]:
    """Lint source texts by their paths below root, with `/` between folders."""
    trees = {path: ast.parse(text, path) for path, text in sources.items()}
    sets = Sets(trees.values())
    return [
        finding for path, tree in trees.items() for finding in Lint(path, tree, sets, root).run()
    ]


def listed_files(root: Path, listed: Sequence[str] = rules.DETERMINISTIC) -> Iterator[str]:
    """Yield the deterministic parts' files.

    Raises FileNotFoundError when an entry of the list stands for no file: a renamed folder must
    not leave the lint with nothing to look at.
    """
    for entry in listed:
        found = sorted((root / entry).rglob("*.py")) if entry.endswith("/") else [root / entry]
        if not found or not found[0].is_file():
            raise FileNotFoundError(
                f"tools/checks/rules.py lists {entry}, and there is no such file or folder; "
                "correct DETERMINISTIC there"
            )
        files = (path.relative_to(root).as_posix() for path in found)
        yield from (file for file in files if file not in rules.EXCEPT)


def main(root: Path) -> int:
    """Print what was found; 0 nothing, 1 something, 2 a listed path is gone."""
    try:
        files = list(listed_files(root))
    except FileNotFoundError as problem:
        print(problem, file=sys.stderr)
        return 2
    findings = find({path: (root / path).read_text(encoding="utf-8") for path in files}, root)
    for finding in findings:
        print(finding)
    print(f"{len(files)} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parents[2]))
