"""What README shows to ask a server with works as it is printed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.graph

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
URL = "localhost:8501/v1/models/frostline"


@pytest.fixture
def photo(tmp_path, png):
    path = tmp_path / "new" / "cat.jpg"
    path.parent.mkdir()
    path.write_bytes(png(255))
    return path


def test_curl_line_of_readme_works(server, photo, tmp_path):
    (line,) = re.findall(r"^curl -s .*?(?=\n\S)", README, flags=re.M | re.S)
    line = line.replace(URL, server.url.removeprefix("http://"))
    answer = subprocess.run(
        ["/bin/sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert '"label": "warm-2"' in answer.stdout


def test_python_client_of_readme_works(server, photo, tmp_path):
    (script,) = re.findall(r"^```python\n(.*?)^```", README, flags=re.M | re.S)
    assert len([line for line in script.splitlines() if line]) <= 16
    script = script.replace(f"http://{URL}", server.url)
    ask = [sys.executable, "-c", script]
    answer = subprocess.run([*ask, photo], capture_output=True, text=True, check=True)
    assert answer.stdout == f"{photo} warm-2 1.0\n"
    photo.write_bytes(b"text")
    answer = subprocess.run([*ask, photo], capture_output=True, text=True, check=False)
    assert answer.stderr.startswith("Unknown image file format.")
    assert answer.returncode == 1
