"""Nothing is lost while versions change: 10,000 requests at concurrency 16, twenty pushes."""

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = [pytest.mark.graph, pytest.mark.e2e]

REQUESTS = 10_000
CONCURRENCY = 16
VERSIONS = 20
KEPT = 2


@pytest.fixture(scope="module")
def built(tmp_path_factory, make_version):
    """Twenty versions, each of which tells its number, ready to be pushed."""
    folder = tmp_path_factory.mktemp("built")
    return [make_version(folder / str(number)) for number in range(1, VERSIONS + 1)]


def push(source, folder):
    """As Pusher does, slowly: `saved_model.pb` comes last, and old versions are removed."""
    target = folder / source.name
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("saved_model.pb"))
    time.sleep(0.1)
    shutil.copy(source / "saved_model.pb", target / ".saved_model.pb")
    (target / ".saved_model.pb").rename(target / "saved_model.pb")
    for old in sorted(folder.iterdir(), key=lambda path: int(path.name))[:-KEPT]:
        shutil.rmtree(old)


def test_no_request_is_lost_while_versions_change(built, start_server, tmp_path, png, b64):
    folder = tmp_path / "m"
    shutil.copytree(built[0], folder / "1")
    document = {"instances": [b64(png(255))]}
    answered = []
    finished = threading.Event()

    def push_all():
        for source in built[1:]:
            if finished.wait(0.5):
                return
            push(source, folder)

    def ask(_):
        reply = server.post("/v1/models/m:predict", document)
        answered.append(reply.status)
        return reply.json()["predictions"][0]["label"] if reply.status == 200 else reply.body

    with start_server(folder, "--poll-seconds", "0.05") as server:
        pusher = threading.Thread(target=push_all)
        pusher.start()
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            labels = list(pool.map(ask, range(REQUESTS)))
        finished.set()
        pusher.join()
        assert server.stop() == 0
    assert answered.count(200) == REQUESTS
    versions = {int(label.removeprefix("warm-")) for label in labels}
    # Versions did change under the requests, and no answer came from an unknown one.
    assert len(versions) > 3
    assert versions <= set(range(1, VERSIONS + 1))
