"""What can be set: each setting with its docstring and what it accepts, for files and for docs.

The docstrings below the fields of the settings are the one place where a setting is explained.
"""

import ast
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeGuard

from pipeline.config import Config
from trainer.settings import Frozen

_ENDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}
_KINDS = {
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "null": '"none"',
}


@dataclass(frozen=True)
class Setting:
    """A setting, or a table of settings.

    about: its docstring; may be empty where the name says it all
    accepts: what it takes, as part of a sentence; empty for a table of settings
    """

    about: str
    accepts: str


def settings() -> Mapping[tuple[str, ...], Setting]:
    """Every table and every setting under its path, as in ("train", "epochs"), in their order."""
    return dict(_settings(Config, path=()))


def _settings(
    model: type[Frozen], *, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Setting]]:
    explained, schema = _docstrings(model), model.model_json_schema()
    for name, field in model.model_fields.items():
        about, here = explained.get(name, ""), (*path, name)
        if _is_section(field.annotation):
            yield here, Setting(about or inspect.cleandoc(field.annotation.__doc__ or ""), "")
            yield from _settings(field.annotation, path=here)
        else:
            accepts = _accepts(schema["properties"][name], tables=schema.get("$defs", {}))
            yield here, Setting(about, accepts)


def _is_section(annotation: Any) -> TypeGuard[type[Frozen]]:
    return isinstance(annotation, type) and issubclass(annotation, Frozen)


def _docstrings(model: type[Frozen]) -> dict[str, str]:
    """Field -> the string below it, read from the source: Python itself does not keep it."""
    found = {}
    for each in reversed(model.__mro__):
        if _is_section(each) and each is not Frozen:
            [definition] = ast.parse(inspect.getsource(each)).body
            assert isinstance(definition, ast.ClassDef)
            found |= dict(_explained(definition))
    return found


def _explained(definition: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in pairwise(definition.body):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, inspect.cleandoc(text)


def _accepts(schema: Mapping[str, Any], *, tables: Mapping[str, Any]) -> str:
    """What a part of a JSON schema takes, in words."""
    match schema:
        case {"anyOf": choices}:
            # "none" comes first: at the end it would be read as a part of what is before it.
            ordered = sorted(choices, key=lambda each: each.get("type") != "null")
            return " or ".join(_accepts(each, tables=tables) for each in ordered)
        case {"enum": choices}:
            return _listed([f'"{each}"' for each in choices])
        case {"$ref": name}:
            return f"a table of {', '.join(tables[name.rpartition('/')[2]]['properties'])}"
        case {"type": "array", "items": items}:
            return f"a list, each {_accepts(items, tables=tables)}"
        case {"type": "object", "propertyNames": {"enum": names}, "additionalProperties": each}:
            return f"{_accepts(each, tables=tables)}, for each of {', '.join(names)}"
        case {"type": "object", "additionalProperties": each}:
            return f"a table, each value {_accepts(each, tables=tables)}"
    ends = [f"{word} {schema[key]:g}" for key, word in _ENDS.items() if key in schema]
    return ", ".join([_KINDS[schema["type"]], *([" and ".join(ends)] if ends else [])])


def _listed(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
