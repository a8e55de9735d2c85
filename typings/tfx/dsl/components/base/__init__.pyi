# Has no published types, or hides what it exports from a type checker: everything is Any.
from typing import Any

def __getattr__(name: str) -> Any: ...
