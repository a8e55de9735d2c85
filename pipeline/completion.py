"""`frostline completion`: a script that lets a shell complete commands, options and files."""

import argparse
from collections.abc import Iterator

import shtab


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for `bash` or `zsh`, made from the parser."""
    for action in _actions(parser):
        if kind := _completed_by(action):
            action.complete = kind  # pyright: ignore[reportAttributeAccessIssue]
    return shtab.complete(parser, shell=shell)


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # argparse tells them in no other way.
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _actions(inner)


def _completed_by(action: argparse.Action) -> shtab.CompleteType | None:
    """Folders where only a folder is taken, files where a file may be."""
    takes = action.metavar if isinstance(action.metavar, str) else ""
    if takes == "DIR":
        return shtab.DIRECTORY
    return shtab.FILE if any(word in takes for word in ("DIR", "FILE", "PATH")) else None
