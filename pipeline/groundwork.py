"""What a run settles before its graph is made; a plan settles the same."""

from dataclasses import dataclass

from components.image_files import Listing
from pipeline import judging, results, sources
from pipeline.config import Config
from pipeline.judging import Judging
from pipeline.preflight import Weights
from pipeline.sources import Sources
from pipeline.workdir import WorkDir


@dataclass(frozen=True)
class Groundwork:
    """What `pipeline.graph.create_pipeline` is told beside the configuration."""

    sources: Sources
    judging: Judging
    push_request: str


def lay(
    config: Config,
    place: WorkDir,
    *,
    data: str,
    listing: Listing,
    weights: Weights,
    accept_reason: str | None,
    force_bless: str | None,
) -> Groundwork:
    """Look at everything that a run starts from.

    Args:
      place: whose earlier runs count.
      data: the folder, manifest or archive.
      listing: what it holds.
      weights: the pretrained weights.
      accept_reason: why the data are accepted in spite of failed checks.
      force_bless: why the model is blessed in spite of failed checks.

    Raises:
      ConfigError: the curated schema is missing or broken.
    """
    found = sources.gather(data, listing, weights, test_fraction=config.data.test_fraction)
    push_request = results.push_request(
        place, model_name=config.push.model_name, made_from=sources.model_digest(config, found)
    )
    terms = judging.prepare(
        config, found, place, accept_reason=accept_reason, force_bless=force_bless
    )
    return Groundwork(found, terms, push_request)
