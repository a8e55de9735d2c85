"""What the model gate of a run is told: which blessed model to compare with, and a person's reason.

A model that is blessed already is judged on the same terms again, so that TFX's cache knows the
verdict: else it would be compared with itself, and a person's reason would hold for one run only.
"""

from dataclasses import dataclass
from pathlib import Path

from components import blessed, digests
from pipeline.workdir import WorkDir


@dataclass(frozen=True)
class ModelTerms:
    """What a model is judged on, besides the bounds.

    fingerprint: changes with what the pointer to the latest blessed model leads to
    force_bless: why a person has it blessed in spite of failed checks; empty if nobody did
    """

    fingerprint: str = ""
    force_bless: str = ""


def terms(
    work_dir: WorkDir,
    *,
    model_name: str,
    made_from: str,
    settings: str,
    force_bless: str,
    pointer: str | None = None,
) -> ModelTerms:
    """What a run's model is to be judged on.

    Args:
      model_name: the folder under `serving/`.
      made_from: the same for two runs that make the same model.
      settings: the bounds, as JSON: a person's reason holds for these and no others.
      force_bless: why this run's model is blessed whatever it is; may be empty.
      pointer: the file or URL that leads to the blessed model; None is the work directory's.
    """
    pointer = pointer or str(work_dir.blessed(model_name))
    latest = blessed.read(pointer)
    if latest is None:
        return ModelTerms("none", force_bless)
    # Seconds of imports, which nothing needs before the first push.
    from components import blessed_model
    from pipeline import results

    before = results.terms_of_push(
        work_dir, Path(latest.model), made_from=made_from
    ) or results.terms_of_card(latest, made_from=made_from)
    if before is None:
        there = blessed_model.absence(latest)
        return ModelTerms(digests.of([blessed.text_of(pointer), there]), force_bless)
    kept = before.force_bless if before.settings == settings else ""
    return ModelTerms(before.fingerprint, force_bless or kept)
