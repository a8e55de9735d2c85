"""The conditions and selectors of a PipelineSpec: the part of CEL that its compilers write.

CEL's operators are written as Python's, and a walk over the syntax tree, which knows a handful
of nodes and nothing else, finds the value.
"""

import ast
import json
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(&&)|(\|\|)|(!)(?!=)|\b(null)\b""")
_WORDS = {2: " and ", 3: " or ", 4: " not ", 5: "None"}
_NAMES = {"true": True, "false": False}
_COMPARISONS: Mapping[type, Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, items: item in items,
}
_FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {
    "int": int,
    "double": float,
    "string": lambda value: value if isinstance(value, str) else json.dumps(value),
    "bool": lambda value: value if isinstance(value, bool) else value == "true",
    "size": len,
    "parseJson": json.loads,
}


def evaluate(expression: str, fields: Mapping[str, Any]) -> Any:
    """The value of a CEL expression over the fields of a message.

    Raises:
        ValueError: it cannot be read, reads what is not there, or compares what cannot be
            compared.
    """
    written = _TOKEN.sub(lambda match: _WORDS.get(match.lastindex or 0, match[0]), expression)
    try:
        tree = ast.parse(written.strip(), mode="eval").body
        return _value(tree, {**_NAMES, **fields})
    except (SyntaxError, KeyError, IndexError, TypeError) as error:
        raise ValueError(f"the expression {expression} has no value: {error}") from None


def _value(node: ast.AST, fields: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return fields[name]
        case ast.Attribute(value=holder, attr=name):
            return _value(holder, fields)[name]
        case ast.Subscript(value=holder, slice=key):
            return _value(holder, fields)[_value(key, fields)]
        case ast.Call(func=ast.Name(id=name), args=[argument]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](_value(argument, fields))
        case _:
            return _operation(node, fields)


def _operation(node: ast.AST, fields: Mapping[str, Any]) -> Any:
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_value(part, fields) for part in parts)
        case ast.BoolOp(op=ast.Or(), values=parts):
            return any(_value(part, fields) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return not _value(part, fields)
        case ast.UnaryOp(op=ast.USub(), operand=part):
            return -_value(part, fields)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _value(left, fields) + _value(right, fields)
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            return _compared(_value(left, fields), sign, _value(right, fields))
    raise ValueError(f"a condition holds {ast.unparse(node)}, which is not known here")


def _compared(left: Any, sign: ast.cmpop, right: Any) -> bool:
    # In CEL a truth is never equal to a number, as it is in Python.
    are_equal = isinstance(left, bool) == isinstance(right, bool) and left == right
    if isinstance(sign, ast.Eq):
        return are_equal
    if isinstance(sign, ast.NotEq):
        return not are_equal
    if type(sign) not in _COMPARISONS:
        raise ValueError(f"a condition compares by {type(sign).__name__}, which CEL has not")
    return _COMPARISONS[type(sign)](left, right)
