"""Files on other file systems, kept in memory."""

import io

import apache_beam as beam
import pytest
from apache_beam.io.filesystem import FileMetadata, FileSystem
from PIL import Image

from components import contents, image_example_gen, inputs, storage
from components.settings import IngestionSettings
from trainer.errors import DataError

pytestmark = pytest.mark.graph

FILES: dict[str, bytes] = {}
UPDATED = [0.0]


class Memory(FileSystem):
    @classmethod
    def scheme(cls):
        return "memory"

    def join(self, basepath, *paths):
        return "/".join([basepath.rstrip("/"), *paths])

    def split(self, path):
        return tuple(path.rsplit("/", 1))

    def mkdirs(self, path):
        raise NotImplementedError

    def has_dirs(self):
        return False

    def _list(self, dir_or_prefix):
        for path in FILES:
            if path.startswith(dir_or_prefix):
                yield self.metadata(path)

    def open(self, path, mime_type=None, compression_type=None):
        if path not in FILES:
            raise FileNotFoundError(path)
        return io.BytesIO(FILES[path])

    def exists(self, path):
        return path in FILES

    def size(self, path):
        return len(FILES[path])

    def last_updated(self, path):
        return UPDATED[0]

    def metadata(self, path):
        return FileMetadata(path, len(FILES[path]), UPDATED[0])

    def checksum(self, path):
        raise NotImplementedError

    def create(self, path, mime_type=None, compression_type=None):
        raise NotImplementedError

    def copy(self, source_file_names, destination_file_names):
        raise NotImplementedError

    def rename(self, source_file_names, destination_file_names):
        raise NotImplementedError

    def delete(self, paths):
        raise NotImplementedError


@pytest.fixture
def memory():
    """Fills the file system `memory://` with files: path -> content."""

    def fill(files, *, updated=0.0):
        FILES.clear()
        FILES.update(files)
        UPDATED[0] = updated

    return fill


def test_folder_is_listed_with_names_below_it(memory):
    memory({"memory://bucket/photos/cats/1.jpg": b"1", "memory://bucket/photos/dogs/a/2.jpg": b"2"})
    entries = storage.folder("memory://bucket/photos")
    assert entries is not None
    assert [entry.name for entry in entries] == ["cats/1.jpg", "dogs/a/2.jpg"]
    listing = inputs.find("memory://bucket/photos/")
    assert [(file.name, file.label) for file in listing.files] == [
        ("cats/1.jpg", "cats"),
        ("dogs/a/2.jpg", "dogs"),
    ]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///photos/a%20b", "/photos/a b"),
        ("FILE://localhost/photos", "/photos"),
        ("gs://bucket/a%20b", "gs://bucket/a%20b"),
        ("photos/100%25", "photos/100%25"),
    ],
)
def test_url_of_a_local_file_becomes_its_path_and_nothing_else_changes(url, path):
    assert storage.plain(url) == path


def test_stamp_changes_with_the_file(memory):
    memory({"memory://b/1": b"1"}, updated=5)
    before = storage.stamp("memory://b/1")
    memory({"memory://b/1": b"1"}, updated=6)
    assert storage.stamp("memory://b/1") != before
    assert storage.stamp("memory://b/2") == "missing"


def test_packed_file_is_read_as_it_is(memory):
    memory({"memory://b/1.gz": b"\x1f\x8b not unpacked"})
    with storage.opened("memory://b/1.gz") as file:
        assert file.read() == b"\x1f\x8b not unpacked"


def test_manifest_names_images_beside_it(memory):
    memory(
        {
            "memory://b/set/photos.csv": b"path,label\nx/1.jpg,cats\nmemory://b/2.jpg,dogs\n",
            "memory://b/set/x/1.jpg": b"one",
            "memory://b/2.jpg": b"two",
        }
    )
    files = inputs.find("memory://b/set/photos.csv").files
    read = {file.label: content for file, content in contents.read(files, max_bytes=10)}
    assert read == {"cats": b"one", "dogs": b"two"}


def test_nothing_there_and_an_unknown_scheme_are_told(memory):
    memory({})
    with pytest.raises(DataError, match="memory://b/none does not exist"):
        inputs.find("memory://b/none")
    with pytest.raises(DataError, match=r"^moon://b/none cannot be read: .*moon"):
        inputs.find("moon://b/none")


def test_file_that_vanished_is_set_aside(memory):
    memory({"memory://b/photos/a/1": b"1", "memory://b/photos/b/2": b"2"})
    files = inputs.find("memory://b/photos").files
    memory({"memory://b/photos/a/1": b"1"})
    outcomes = [content for _, content in contents.read(files, max_bytes=10)]
    assert outcomes[0] == b"1"
    assert getattr(outcomes[1], "reason", None) == "unreadable"


def test_remote_folder_is_ingested(memory, tmp_path):
    files = {}
    for label, place in (("cats", 0), ("dogs", 90)):
        for number in range(20):
            buffer = io.BytesIO()
            Image.new("RGB", (30, 20), (place + number, 0, 0)).save(buffer, "PNG")
            files[f"memory://bucket/photos/{label}/{number}.png"] = buffer.getvalue()
    memory(files)
    counts = image_example_gen.ingest(
        beam.Pipeline(runner="FnApiRunner"),
        inputs.find("memory://bucket/photos"),
        examples_dir=str(tmp_path / "examples"),
        quarantine_dir=str(tmp_path / "quarantine"),
        cache_dir=str(tmp_path / "cache"),
        settings=IngestionSettings(),
        code="1",
    )
    assert (counts.read, counts.accepted) == (40, 40)
