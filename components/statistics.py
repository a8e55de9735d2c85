"""What TFDV measures of the data."""

# TFX comes first: it lets this TFDV be imported (decision note 1).
import tfx  # noqa: F401

# isort: split
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2

from trainer import features


def options() -> tfdv.StatsOptions:
    """Image statistics on, and no sketches of the files' bytes (decision note 10).

    The schema tells no more than that the bytes are images: there may be none of the data yet.
    """
    schema = schema_pb2.Schema()
    encoded = schema.feature.add(name=features.ENCODED, type=schema_pb2.BYTES)
    encoded.image_domain.SetInParent()
    return tfdv.StatsOptions(
        schema=schema,
        feature_allowlist=list(features.MEASURED),
        enable_semantic_domain_stats=True,
    )
