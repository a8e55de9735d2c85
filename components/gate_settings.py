"""The bounds of the data gate: a section of the configuration, which the step gets as JSON."""

from typing import Annotated

from pydantic import Field, model_validator

from trainer.settings import Frozen, Positive

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Distance = Annotated[float, Field(ge=0, lt=1)]


class GateSettings(Frozen):
    """What data must be like before anything is trained on them."""

    schema_file: str | None = None
    """A curated schema (.pbtxt); unset, the work directory's schema/schema.pbtxt if there is one,
    or else the schema that the data themselves suggest."""
    max_schema_anomalies: Count = 0
    """Features that TFDV finds at odds with the schema, added up over the splits."""
    max_changed_classes: Count = 0
    """Classes that came or went against the curated schema or else the last accepted data."""
    max_quarantined_share: Share = 0.1
    """Share of the files that may be set aside."""
    min_images_per_class: Positive = 3
    """Images that every class needs in every split: fewer tell nothing of the class."""
    max_class_imbalance: Annotated[float, Field(ge=1)] = 20.0
    """The largest class of a split may have so many times the images of the smallest."""
    min_class_share: Share | None = None
    """Share of a split's images that every class needs; unset, any."""
    max_class_share: Share | None = None
    """Share of a split's images that no class may exceed; unset, any."""
    max_duplicates_across_splits: Count = 0
    """Files of the same bytes in two splits."""
    max_near_duplicate_share: Share = 0.05
    """Share of the images outside `train` that may look like one in another split. Things that
    are all photographed alike, such as products on white, may need more."""
    max_mix_drift: Distance = 0.1
    """L-infinity distance of the mix of classes and of formats from the last accepted data.
    This and the next three are widened by what samples of that size differ by chance."""
    max_property_drift: Distance = 0.2
    """Jensen-Shannon divergence of each numeric property from the last accepted data."""
    max_mix_skew: Distance = 0.1
    """L-infinity distance of the mix of classes and of formats from the split `train`."""
    max_property_skew: Distance = 0.3
    """Jensen-Shannon divergence of each numeric property from the split `train`."""

    @model_validator(mode="after")
    def _some_share_passes(self) -> "GateSettings":
        least, most = self.min_class_share or 0, self.max_class_share
        if most is not None and least > most:
            raise ValueError(
                f"gate.min_class_share {least:g} is above gate.max_class_share {most:g}: "
                "no data could pass"
            )
        return self
