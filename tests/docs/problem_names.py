"""The names of problems, read out of the code."""

import ast
from collections.abc import Iterable
from functools import cached_property

from tests.docs.pages import ROOT

Function = ast.FunctionDef | ast.AsyncFunctionDef


class ProblemNames:
    """The problems that the code can give, found in what it says and without running it.

    A class of exceptions, or a function, that takes a `slug` is followed: wherever it is called, the slug is
    read; where that is a variable or another exception's slug, where it comes from. Raises AssertionError
    where that cannot be told.
    """

    def __init__(self) -> None:
        self._trees = [
            ast.parse(file.read_text(encoding="utf-8"), str(file))
            for file in sorted((ROOT / "app").rglob("*.py"))
        ]
        self._parents: dict[ast.AST, ast.AST] = {}
        for tree in self._trees:
            for node in ast.walk(tree):
                self._parents |= dict.fromkeys(ast.iter_child_nodes(node), node)
        self._nodes = [node for tree in self._trees for node in ast.walk(tree)]

    @cached_property
    def _positions(self) -> dict[str, int]:
        """Where the slug is among the arguments of a call, by the name of what is called."""
        found: dict[str, int] = {}
        for node in self._nodes:
            names = [each.arg for each in node.args.args] if isinstance(node, Function) else []
            if isinstance(node, Function) and "slug" in names:
                owner = self._parents[node]
                of_class = isinstance(owner, ast.ClassDef)
                name = (
                    owner.name if isinstance(owner, ast.ClassDef) and node.name == "__init__" else node.name
                )
                found[name] = names.index("slug") - of_class
        return found

    def of(self, taker: str) -> set[str]:
        """The slugs that a function, or a class or one that inherits from it, is called with anywhere."""
        assert taker in self._positions, f"{taker} takes no slug"
        position = self._positions[taker]
        heirs = [
            node
            for node in self._nodes
            if isinstance(node, ast.ClassDef) and taker in [last_name(base) for base in node.bases]
        ]
        found: set[str] = set()
        for heir in heirs:
            found |= self._heard(heir.name, position)
            for node in ast.walk(heir):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "super().__init__":
                    found |= self._value(argument(node, position))
        return found | self._heard(taker, position)

    def _heard(self, name: str, position: int) -> set[str]:
        calls = [node for node in self._nodes if isinstance(node, ast.Call) and last_name(node.func) == name]
        return {slug for call in calls for slug in self._value(argument(call, position))}

    def _value(self, node: ast.expr) -> set[str]:
        """The slugs that an expression can be."""
        match node:
            case ast.Constant(value=str(text)):
                return {text}
            case ast.IfExp(body=body, orelse=orelse):
                return self._value(body) | self._value(orelse)
            case ast.JoinedStr(values=[ast.Constant(value=str(prefix)), ast.FormattedValue(value=rest)]):
                return {prefix + slug for slug in self._value(rest)}
            case ast.Attribute(value=ast.Name(id=name), attr="slug"):
                return {slug for kind in self._kinds(node, name) for slug in self.of(kind)}
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="get"), args=[_, fallback]):
                return self._value(fallback) | self._assigned(name, self._nodes)
            case ast.Dict(values=values):
                return {slug for value in values for slug in self._value(value)}
            case ast.Subscript(slice=ast.Constant(value="slug")):
                # Said by the process that parses a file, which raises what is followed already.
                return set()
            case ast.Name(id=name):
                function = self._around(node)
                if name in [each.arg for each in function.args.args]:
                    return self.of(function.name)
                return self._assigned(name, ast.walk(function))
        raise AssertionError(f"line {node.lineno}: what slug is {ast.unparse(node)}?")

    def _kinds(self, node: ast.AST, name: str) -> list[str]:
        """The exceptions that `name` is one of: in a handler, or in a table by kinds of exceptions."""
        while (parent := self._parents.get(node)) is not None:
            if isinstance(parent, ast.ExceptHandler) and parent.name == name and parent.type is not None:
                kinds = parent.type.elts if isinstance(parent.type, ast.Tuple) else [parent.type]
                return [last_name(kind) for kind in kinds]
            if isinstance(parent, ast.Dict) and isinstance(node, ast.Lambda):
                return [
                    last_name(key)
                    for key, value in zip(parent.keys, parent.values, strict=True)
                    if value is node and key
                ]
            node = parent
        raise AssertionError(f"whose slug is {name}.slug?")

    def _around(self, node: ast.AST) -> Function:
        while not isinstance(node, Function):
            node = self._parents[node]
        return node

    def _assigned(self, name: str, nodes: Iterable[ast.AST]) -> set[str]:
        values = [
            node.value
            for node in nodes
            if isinstance(node, ast.Assign) and [ast.unparse(each) for each in node.targets] == [name]
        ]
        assert values, f"where does {name} come from?"
        return {slug for value in values for slug in self._value(value)}


def last_name(node: ast.expr) -> str:
    """`b` of `a.b`."""
    return ast.unparse(node).rpartition(".")[2]


def argument(call: ast.Call, position: int) -> ast.expr:
    for keyword in call.keywords:
        if keyword.arg == "slug":
            return keyword.value
    assert len(call.args) > position, f"line {call.lineno}: {ast.unparse(call)} has no slug"
    return call.args[position]
