"""The first request to a server that has just started: with the model's warm-up, and without.

Each round starts two fresh server processes, one with the exported model as it is, one without its
warm-up requests. `ours` and `yardstick` are the medians of their first requests at batch 1, in
milliseconds; `p50` is what a request takes later on, and `..._32` the same for the first batch of
32, which comes second.
"""

import argparse
import json
import os
import shutil
import statistics
import tempfile
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import exported_model
from parts import stand_in

LATER = 30
LATER_32 = 5


def main() -> None:
    """Print one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        warmed, cold = Path(folder) / "warmed", Path(folder) / "cold"
        exported_model.export(*exported_model.network(None), warmed / "1", "auto")
        shutil.copytree(warmed, cold)
        shutil.rmtree(cold / "1" / "assets.extra")
        rounds = [(_first_requests(warmed), _first_requests(cold)) for _ in range(chosen.rounds)]
    medians = {
        side: {key: statistics.median(each[place][key] for each in rounds) for key in rounds[0][0]}
        for place, side in enumerate(("warmed", "cold"))
    }
    ours, yardstick = medians["warmed"], medians["cold"]
    line = {
        "ours": ours["first"],
        "yardstick": yardstick["first"],
        "ratio": yardstick["first"] / ours["first"],
        "p50": ours["later"],
        "ours_32": ours["first_32"],
        "yardstick_32": yardstick["first_32"],
        "p50_32": ours["later_32"],
    }
    rounded = {key: round(value, 2) for key, value in line.items()}
    print(json.dumps({"name": "serving_first_request_ms", **rounded}))


def _first_requests(model_dir: Path) -> dict[str, float]:
    with stand_in.serving(model_dir) as server:
        one, many = (
            stand_in.predict(server.grpc_port, model_dir.name, stand_in.photos(count))
            for count in (1, 32)
        )
        return {
            "first": exported_model.milliseconds(one),
            "first_32": exported_model.milliseconds(many),
            "later": statistics.median(exported_model.milliseconds(one) for _ in range(LATER)),
            "later_32": statistics.median(
                exported_model.milliseconds(many) for _ in range(LATER_32)
            ),
        }


if __name__ == "__main__":
    main()
