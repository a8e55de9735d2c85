"""The report of a real run in a real browser: whole, quiet, and alone."""

import asyncio
import base64
import itertools
import json
import os
import shutil
import subprocess
import time
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
import pytest

pytestmark = pytest.mark.e2e

LOOKS = list(itertools.product((400, 1400), ("light", "dark")))
LOUD = {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}
# What the page itself says of its metrics and of what sticks out of it.
NUMBERS = "[...document.querySelectorAll('data')].map(each => Number(each.value))"
TOO_WIDE = """[...document.querySelectorAll('body *')].filter(each => !each.closest('.scroll')
    && each.getBoundingClientRect().right > innerWidth + 1).map(each => each.outerHTML)"""
SORTED_BY_IMAGES = """(() => {
    const table = [...document.querySelectorAll('table.sortable')].pop();
    const button = table.querySelectorAll('th button')[2];
    button.click();
    const cells = [...table.tBodies[0].rows].map(row => row.cells[2]);
    return [button.closest('th').ariaSort,
            cells.map(cell => Number(cell.querySelector('data').value))];
})()"""
AXE = Path(
    os.environ.get("FROSTLINE_AXE")
    or Path(__file__).parents[2] / "build/node_modules/axe-core/axe.min.js"
)
# With all that is folded open, and what runs until it is done.
OPEN_ALL = "document.querySelectorAll('details').forEach(each => { each.open = true; })"
SERIOUS = """axe.run().then(found => found.violations
    .filter(each => ['serious', 'critical'].includes(each.impact))
    .map(each => [each.id, each.nodes.map(node => node.html)]))"""
# The slider by the keyboard's own events, and what the page says then.
FIGURES = """(() => Object.fromEntries([...document.querySelectorAll('[data-shows]')].map(each =>
    [each.dataset.shows, Number(each.querySelector('data').value)])))()"""
MOVED = f"""(() => {{
    const slider = document.querySelector('#threshold');
    slider.value = slider.max;
    slider.dispatchEvent(new Event('input'));
    const moved = {FIGURES};
    document.querySelector('.slider button').click();
    return [slider.closest('.slider').hidden, moved, {FIGURES}];
}})()"""


@contextmanager
def chromium(profile):
    """A browser without a window; answers the port that it listens on."""
    command = shutil.which("chromium") or shutil.which("google-chrome")
    if not command:
        pytest.skip("no Chromium on the PATH (Debian's package is chromium)")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
    process = subprocess.Popen(
        [command, *options, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield _port(profile / "DevToolsActivePort")
    finally:
        process.terminate()
        process.wait(timeout=30)


def _port(file):
    deadline = time.monotonic() + 60
    while not (file.exists() and "\n" in file.read_text()):
        assert time.monotonic() < deadline, "Chromium has not begun to listen"
        time.sleep(0.05)
    return file.read_text().splitlines()[0]


class Tab:
    """A tab, by the DevTools protocol; `events` is what happened in it."""

    def __init__(self, socket):
        self.events = []
        self._socket = socket
        self._numbers = itertools.count(1)

    async def call(self, method, **parameters):
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json(timeout=60)
            if message.get("id") == number:
                return message["result"]
            self.events.append(message)

    async def open(self, path, *, width, scheme):
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        await self.call("Emulation.setEmulatedMedia", features=[feature])
        await self.call("Page.navigate", url=path.as_uri())
        while await self.ask("document.readyState") != "complete":
            await asyncio.sleep(0.05)

    async def ask(self, expression):
        answer = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        return answer["result"].get("value")

    async def draw(self, path):
        answer = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    def requests(self):
        events = [each for each in self.events if each["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in events]


@asynccontextmanager
async def a_tab(port):
    async with aiohttp.ClientSession() as session:
        async with session.put(f"http://127.0.0.1:{port}/json/new?about:blank") as answer:
            url = (await answer.json())["webSocketDebuggerUrl"]
        async with session.ws_connect(url, max_msg_size=0) as socket:
            yield Tab(socket)


async def look(port, path, picture, width, scheme):
    async with a_tab(port) as tab:
        await tab.open(path, width=width, scheme=scheme)
        return {
            "title": await tab.ask("document.title"),
            "background": await tab.ask("getComputedStyle(document.body).backgroundColor"),
            "numbers": await tab.ask(NUMBERS),
            "too wide": await tab.ask(TOO_WIDE),
            "picture": await tab.draw(picture),
            "figures": await tab.ask(FIGURES),
            "moved": await tab.ask(MOVED),
            "sorted": await tab.ask(SORTED_BY_IMAGES),
            "inaccessible": await inaccessible(tab),
            "loud": [each for each in tab.events if each["method"] in LOUD],
            "requests": tab.requests(),
        }


async def inaccessible(tab):
    """What axe-core holds against the page; None where it is not installed."""
    if not AXE.exists():
        return None
    await tab.ask(OPEN_ALL)
    await tab.ask(AXE.read_text(encoding="utf-8") + "; 0")
    return await tab.ask(SERIOUS)


@pytest.fixture(scope="module")
def run(frostline, split_images, made_weights, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp("reported") / "w"
    return frostline.run(data=split_images, work_dir=work_dir, weights=made_weights)


@pytest.fixture(scope="module")
def looks(run, tmp_path_factory):
    """(width, scheme) -> what the browser saw; pictures go to $FROSTLINE_SCREENSHOTS, if set."""
    folder = tmp_path_factory.mktemp("looks")
    pictures = Path(os.environ.get("FROSTLINE_SCREENSHOTS") or folder)
    pictures.mkdir(parents=True, exist_ok=True)
    report = run.work_dir / "latest" / "report.html"
    with chromium(folder / "profile") as port:
        return {
            (width, scheme): asyncio.run(
                look(port, report, pictures / f"report-{width}-{scheme}.png", width, scheme)
            )
            for width, scheme in LOOKS
        }


@pytest.mark.parametrize("how", LOOKS)
def test_page_is_quiet_and_asks_nobody(looks, how):
    assert "Frostline run" in looks[how]["title"]
    assert looks[how]["loud"] == []
    asked = [url for url in looks[how]["requests"] if not url.startswith("data:")]
    assert [Path(url).name for url in asked] == ["report.html"]


@pytest.mark.parametrize("how", LOOKS)
def test_nothing_sticks_out_of_the_page(looks, how):
    assert looks[how]["too wide"] == []


def test_page_is_light_or_dark_as_the_reader_likes(looks):
    colours = {
        scheme: {looks[width, scheme]["background"] for width in (400, 1400)} for _, scheme in LOOKS
    }
    assert len(colours["light"]) == len(colours["dark"]) == 1
    assert colours["light"] != colours["dark"]


def test_numbers_are_those_of_the_summary(looks, run):
    shown = set(looks[1400, "light"]["numbers"])
    summary = run.summary
    assert summary["evaluation"]["accuracy"] is not None
    wanted = {*summary["evaluation"].values(), summary["seconds"], summary["data"]["read"]}
    wanted |= {gate["value"] for gate in summary["gates"] if gate["value"] is not None}
    wanted |= {step["seconds"] for step in summary["steps"]}
    wanted |= {value for row in summary["training"]["epochs"] for value in row.values()}
    assert wanted - shown == set()


@pytest.mark.parametrize("how", LOOKS)
def test_nobody_is_kept_from_reading_the_page(looks, how):
    if looks[how]["inaccessible"] is None:
        pytest.skip(f"no axe-core at {AXE}: `make e2e` installs it where npm is")
    assert looks[how]["inaccessible"] == []


def test_threshold_begins_as_served_moves_and_comes_back(looks, run):
    summary, look = run.summary, looks[1400, "light"]
    warm = summary["evaluation_by_class"]["warm"]
    served = look["figures"]
    assert served == {
        "threshold": (summary["training"]["calibration"] or {}).get("threshold") or 0.5,
        "accuracy": summary["evaluation"]["accuracy"],
        "precision": pytest.approx(warm["precision"]),
        "recall": pytest.approx(warm["recall"]),
    }
    is_hidden, moved, back = look["moved"]
    assert not is_hidden
    assert moved["threshold"] == 1
    assert back == served


def test_predictions_are_kept_for_each_judged_image(run):
    lines = (run.work_dir / "latest" / "predictions.jsonl").read_text().splitlines()
    images = [json.loads(line) for line in lines]
    assert len(images) == run.summary["evaluation"]["example_count"]
    right = sum(image["label"] == image["truth"] for image in images)
    assert right / len(images) == pytest.approx(run.summary["evaluation"]["accuracy"])
    page = (run.work_dir / "latest" / "report.html").read_text()
    assert "One of each class" in page
    assert images[0]["sha256"]


def test_table_is_sorted_by_a_click(looks):
    order, images = looks[1400, "light"]["sorted"]
    assert order == "ascending"
    assert len(images) > 2
    assert images == sorted(images)


def test_files_set_aside_and_all_steps_are_there(run):
    page = (run.work_dir / "latest" / "report.html").read_text()
    for name in ("cold/notes.txt", "warm/empty.jpg", "warm/cut.png", *run.states):
        assert name in page
    assert run.exit_code in (0, 3), run.stderr
    assert len(page) < 1_000_000


def test_graph_is_that_of_the_pipeline(run):
    upstream = {step["name"]: set(step["upstream"]) for step in run.summary["steps"]}
    assert upstream["ImageExampleGen"] == set()
    assert "DataGate" in upstream["Transform"]
    assert {"Transform", "FrozenFeatures"} <= upstream["Trainer"]


def test_report_of_the_latest_run_is_found(run, frostline):
    ended = frostline("open", "--work-dir", run.work_dir, "--print")
    assert Path(ended.stdout.strip()).samefile(run.work_dir / "latest" / "report.html")
    assert f"report   {run.work_dir / 'latest' / 'report.html'}" in run.stdout
