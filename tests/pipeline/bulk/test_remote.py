"""Model, images and predictions on another file system, which is kept in memory here."""

import io
import json

import pytest
from apache_beam.io.filesystem import FileMetadata, FileSystem

from pipeline.bulk import job, output, saved_model
from pipeline.bulk.job import Request
from pipeline.bulk.output import Part
from trainer.errors import ConfigError, DataError

pytestmark = pytest.mark.graph

FILES: dict[str, bytes] = {}


class Written(io.BytesIO):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def close(self):
        if not self.closed:
            FILES[self.path] = self.getvalue()
        super().close()


class Bucket(FileSystem):
    """Objects without folders, as in a bucket; what is written is there when it is closed."""

    @classmethod
    def scheme(cls):
        return "bucket"

    def join(self, basepath, *paths):
        return "/".join([basepath.rstrip("/"), *paths])

    def split(self, path):
        return tuple(path.rsplit("/", 1))

    def mkdirs(self, path):
        raise NotImplementedError

    def has_dirs(self):
        return False

    def _list(self, dir_or_prefix):
        return (self.metadata(path) for path in list(FILES) if path.startswith(dir_or_prefix))

    def open(self, path, mime_type=None, compression_type=None):
        return io.BytesIO(FILES[path])

    def exists(self, path):
        return path in FILES

    def size(self, path):
        return len(FILES[path])

    def last_updated(self, path):
        return 0.0

    def metadata(self, path):
        return FileMetadata(path, len(FILES[path]), 0.0)

    def checksum(self, path):
        raise NotImplementedError

    def create(self, path, mime_type=None, compression_type=None):
        return Written(path)

    def copy(self, source_file_names, destination_file_names):
        raise NotImplementedError

    def rename(self, source_file_names, destination_file_names):
        for source, target in zip(source_file_names, destination_file_names, strict=True):
            FILES[target] = FILES.pop(source)

    def delete(self, paths):
        for path in [file for file in FILES if file.startswith(tuple(paths))]:
            del FILES[path]


@pytest.fixture
def bucket():
    FILES.clear()
    return FILES


def test_marker_is_written_last_and_nothing_else_is_left(bucket, tmp_path, monkeypatch):
    (tmp_path / "shard").write_text("row\n")
    order = []
    monkeypatch.setattr(Bucket, "rename", noting(Bucket.rename, order, "rename"))
    monkeypatch.setattr(Bucket, "create", noting(Bucket.create, order, "create"))
    with output.opened("bucket://b/out/") as place:
        output.put(tmp_path / "shard", place.images)
        output.put(tmp_path / "shard", f"{place.parts}/{Part(0, 3, 1).name}")
        assert all("/.unfinished-" in path for path in bucket)
        output.finish(place, list(output.parts(place).values()), "csv")
    assert order == ["create", "create", "rename", "create"]
    assert json.loads(bucket.pop("bucket://b/out/_SUCCESS")) == {"images": 3, "failures": 1}
    assert bucket == {"bucket://b/out/part-00000-of-00001.csv": b"row\n"}


def noting(method, order, name):
    def noted(*arguments, **options):
        order.append(name)
        return method(*arguments, **options)

    return noted


def test_folder_that_holds_something_is_refused(bucket):
    bucket["bucket://b/out/precious"] = b""
    with pytest.raises(ConfigError, match="is there already"):
        output.opened("bucket://b/out").__enter__()


def test_what_a_killed_run_has_left_is_no_obstacle(bucket):
    bucket["bucket://b/out/.unfinished-1/parts/0.1.0"] = b"row"
    with output.opened("bucket://b/out") as place:
        assert output.parts(place) == {}


def test_highest_version_of_a_model_is_taken(bucket):
    for name in ("m/9/saved_model.pb", "m/10/saved_model.pb", "m/11/variables/x", "n/x"):
        bucket[f"bucket://b/{name}"] = b""
    assert saved_model.address("bucket://b/m/") == "bucket://b/m/10"
    assert saved_model.address("bucket://b/m/9") == "bucket://b/m/9"
    with pytest.raises(ConfigError, match="n holds no pushed model"):
        saved_model.address("bucket://b/n")
    with pytest.raises(DataError, match="nothing does not exist"):
        saved_model.address("bucket://b/nothing")


def test_everything_may_be_remote(bucket, pushed, pictures):
    model = pushed / "serving" / "colours"
    for root, name in ((model, "model"), (pictures, "pictures")):
        for path in root.rglob("*"):
            if path.is_file():
                place = f"bucket://b/{name}/{path.relative_to(root).as_posix()}"
                bucket[place] = path.read_bytes()
    outcome = job.run(
        Request(
            model="bucket://b/model",
            paths=["bucket://b/pictures"],
            output="bucket://b/out",
            file_format="jsonl",
            batch_size=4,
            runner="in_process",
            workers=0,
        )
    )
    assert (outcome.images, outcome.failures) == (21, 1)
    shards = [content for path, content in bucket.items() if "/out/part-" in path]
    rows = [json.loads(line) for shard in shards for line in shard.decode().splitlines()]
    labels = {row["path"]: row.get("label") for row in rows}
    assert labels["bucket://b/pictures/00.png"] == "red"
    assert labels["bucket://b/pictures/19.png"] == "other"
    assert labels["bucket://b/pictures/deeper/broken.jpg"] is None
