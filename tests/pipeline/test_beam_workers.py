"""Workers get what they import first and their share of the cores; nothing of it stays."""

import json
import os
from pathlib import Path

import pytest

from pipeline import beam_workers


@pytest.mark.parametrize("before", [None, "mine"])
def test_workers_are_told_what_to_import_and_the_environment_is_as_before(monkeypatch, before):
    names = (beam_workers.VARIABLE, beam_workers.THREADS)
    for name in names:
        monkeypatch.delenv(name, raising=False)
        if before is not None:
            monkeypatch.setenv(name, before)
    with beam_workers.prepared(workers=0):
        options = Path(os.environ[beam_workers.VARIABLE])
        assert json.loads(options.read_text()) == {"beam_plugins": ["pipeline.worker_start", "tfx"]}
    assert [os.environ.get(name) for name in names] == [before, before]
    assert not options.exists()


@pytest.mark.parametrize(
    ("workers", "threads"), [(0, "1"), (1, "8"), (2, "4"), (3, "2"), (8, "1"), (50, "1")]
)
def test_workers_share_the_cores(monkeypatch, workers, threads):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    with beam_workers.prepared(workers=workers):
        assert os.environ[beam_workers.THREADS] == threads


def test_what_else_this_process_starts_keeps_all_threads(monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.delenv("TF_NUM_INTEROP_THREADS", raising=False)
    with beam_workers.prepared(workers=0):
        assert not {"TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"} & os.environ.keys()
