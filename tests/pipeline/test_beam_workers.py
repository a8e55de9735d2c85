"""Workers import what stands in for a missing module; nothing of it stays."""

import json
import os
from pathlib import Path

import pytest

from pipeline import beam_workers


@pytest.mark.parametrize("before", [None, "mine.json"])
def test_workers_import_tfx_and_the_environment_is_as_before(monkeypatch, before):
    monkeypatch.delenv(beam_workers.VARIABLE, raising=False)
    if before is not None:
        monkeypatch.setenv(beam_workers.VARIABLE, before)
    with beam_workers.prepared():
        options = Path(os.environ[beam_workers.VARIABLE])
        assert json.loads(options.read_text()) == {"beam_plugins": ["tfx"]}
    assert os.environ.get(beam_workers.VARIABLE) == before
    assert not options.exists()
