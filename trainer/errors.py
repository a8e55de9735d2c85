"""The errors that a person can mend. Each message names the thing, its value and the fix.

Exception
└── FrostlineError    something that a person can mend: shown without a traceback
    ├── ConfigError       a key, a value or an argument is wrong (exit code 2)
    ├── WeightsError      the pretrained weights are missing or broken (exit code 2)
    ├── DataError         the data folder cannot be trained on as it is (exit code 2)
    ├── DataRefusedError  the data gate stopped the run (exit code 4)
    ├── WorkDirError      the work directory is locked, full or cannot be written (exit code 2)
    └── WorkerError       a worker of a training of several is gone or differs (exit code 2)
"""


class FrostlineError(Exception):
    """Something that a person can mend; the message says how."""


class ConfigError(FrostlineError):
    """A key, a value or an argument is wrong."""


class WeightsError(FrostlineError):
    """The pretrained weights are missing or broken."""


class DataError(FrostlineError):
    """The data folder cannot be trained on as it is."""


class DataRefusedError(FrostlineError):
    """The data gate stopped the run."""


class WorkDirError(FrostlineError):
    """The work directory is locked, full or cannot be written."""


class WorkerError(FrostlineError):
    """A worker of a training of several is gone, or differs from the others."""
