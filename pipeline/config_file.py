"""`frostline init`: a config file to start from, with every setting in it explained."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import config
from pipeline.config import Config
from pipeline.config_reference import Setting, settings
from pipeline.layers import is_table
from pipeline.presets import DEFAULT, PRESETS
from trainer.errors import ConfigError

FILE = "frostline.toml"
_WIDTH = 90
_UNKNOWN = Setting(about="", accepts="")
_PLAIN = ("", "text", "true or false")  # The value shows that.
_HEAD = """\
# Every setting of Frostline, with the values of the preset {preset}.
#
#   frostline run --config {file} --data DIR --work-dir DIR
#
# Change what you like and delete the rest: what is not in this file comes from the preset
# (--preset, or else {default}), and --set KEY=VALUE wins over both. "none" unsets a setting
# that need not be set. `frostline config --config {file}` prints what a run would use.

"""


def write(folder: Path, *, preset: str) -> Path:
    """Write `frostline.toml` into a folder, which is made where it is missing.

    Raises:
      ConfigError: there is one already, or it cannot be written.
    """
    path, contents = folder / FILE, text(preset)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(contents)
    except FileExistsError as error:
        raise ConfigError(_in_the_way(Path(error.filename), file=path)) from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror}): name a folder that can be"
        ) from None
    return path


def text(preset: str) -> str:
    """The file: TOML that `config.resolve` reads, each setting with its comment.

    Raises:
      ConfigError: there is no such preset.
    """
    known, chosen = settings(), _resolved(preset)
    own = chosen.model_dump()
    presets = {name: _resolved(name).model_dump() for name in PRESETS}

    def comment(path: Sequence[str]) -> Sequence[str]:
        setting, value = known.get(tuple(path)), _at(own, path)
        values = {name: _at(each, path) for name, each in presets.items()}
        elsewhere = {name: each for name, each in values.items() if each != value}
        is_first = setting is None or (is_table(value) and bool(value))
        return [*([] if is_first else [""]), *_explained(setting or _UNKNOWN, elsewhere)]

    head = _HEAD.format(preset=preset, file=FILE, default=DEFAULT)
    return head + config.to_toml(chosen, comment=comment)


def _in_the_way(found: Path, *, file: Path) -> str:
    if found != file:
        return f"{found} is a file: name a folder for {FILE}"
    return (
        f"{file} exists already and is left as it is: name another folder, or remove it first; "
        f"`frostline config --config {file}` prints what it sets"
    )


def _resolved(preset: str) -> Config:
    return config.resolve(preset=preset, file=None, overrides=(), weights=None)


def _at(values: Mapping[str, Any], path: Sequence[str]) -> Any:
    found: Any = values
    for part in path:
        found = found.get(part) if is_table(found) else None
    return found


def _explained(setting: Setting, elsewhere: Mapping[str, Any]) -> list[str]:
    """What a setting means and takes, and what it is in other presets."""
    facts = [] if setting.accepts in _PLAIN else [setting.accepts]
    presets: dict[str, list[str]] = {}
    for name, value in elsewhere.items():
        if not is_table(value):  # Its settings tell.
            presets.setdefault(config.toml_value(value), []).append(name)
    facts += [f"{value} in preset {' and '.join(names)}" for value, names in presets.items()]
    told = "; ".join(facts)
    return [*_wrapped(setting.about), *_wrapped(f"{told[:1].upper()}{told[1:]}." if told else "")]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()),
        _WIDTH,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
    )
