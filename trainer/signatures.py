"""The SavedModel: from the bytes of image files to labels and scores, in one TensorFlow graph."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import keras
import tensorflow as tf

from trainer import canonical_form, features, served_images

# The default of `data.max_pixels`.
MAX_PIXELS = 100_000_000


class Classifier(Protocol):
    """Pixels uint8 [N, size, size, 3] -> scores float32 [N, 1] or [N, C]."""

    @property
    def variables(self) -> Sequence[keras.Variable]:
        """All that it has learned and does not hold as constants."""
        ...

    def __call__(self, pixels: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Classify some images."""
        ...


class Server(tf.Module):
    """The classifier behind the signatures that TF Serving calls.

    Args:
      classifier: a tf.Module or a Keras model.
      labels: class names, in the order of the classifier's outputs.
      size: width and height that the classifier takes, pixels.
      threshold: the least score of the second of two classes at which it is the label; None: the
        class with the highest score is.
      max_pixels: an image that claims more is not decoded.
    """

    def __init__(
        self,
        classifier: Classifier,
        *,
        labels: Sequence[str],
        size: int,
        threshold: float | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        super().__init__(name="frostline")
        self.classifier = classifier
        # TF Serving restores what the graph's restore operation knows, which of Keras' own
        # variables are only copies; without this every request ends in "Could not find variable".
        self.variables_to_restore = [variable.value for variable in classifier.variables]
        self.labels = tf.constant(list(labels))
        self.size = size
        self.threshold = threshold
        self.max_pixels = max_pixels
        self.labels_file: tf.saved_model.Asset | None = None

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.string, name=features.INPUT_IMAGE_BYTES)]
    )
    def serve_images(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Classify image files: string [N] -> label, score, error [N]; scores, classes [N, C].

        An image that cannot be read has an error, no label, and scores of 0; it fails no other.
        """
        pixels, errors = served_images.read(image_bytes, size=self.size, max_pixels=self.max_pixels)
        return self._answer(_class_scores(self.classifier(pixels, training=False)), errors)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=features.INPUT_EXAMPLES)])
    def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Classify serialized tf.Examples by their `image/encoded`: string [N] -> the same."""
        spec = {features.ENCODED: tf.io.FixedLenFeature([], tf.string, default_value="")}
        parsed = tf.io.parse_example(examples, spec)
        return self.serve_images(tf.ensure_shape(parsed[features.ENCODED], [None]))

    def _answer(self, scores: tf.Tensor, errors: tf.Tensor) -> dict[str, tf.Tensor]:
        is_fine = errors == ""
        scores = tf.where(is_fine[:, tf.newaxis], scores, 0.0)
        chosen = self._chosen(scores)
        return {
            features.OUTPUT_LABEL: tf.where(is_fine, tf.gather(self.labels, chosen), ""),
            features.OUTPUT_SCORE: tf.gather(scores, chosen, batch_dims=1),
            features.OUTPUT_SCORES: scores,
            features.OUTPUT_CLASSES: tf.repeat(
                self.labels[tf.newaxis], tf.shape(scores)[0], axis=0
            ),
            features.OUTPUT_ERROR: errors,
        }

    def _chosen(self, scores: tf.Tensor) -> tf.Tensor:
        """The class that is the label: float32 [N, C] -> int64 [N]."""
        if self.threshold is None:
            return tf.argmax(scores, axis=1)
        return tf.cast(scores[:, 1] >= self.threshold, tf.int64)


def _class_scores(outputs: tf.Tensor) -> tf.Tensor:
    """One score a class: a sigmoid [N, 1] is the score of the second of two classes."""
    if outputs.shape[1] == 1:
        return tf.concat([1.0 - outputs, outputs], axis=1)
    return outputs


def export(server: Server, folder: str) -> None:
    """Write the SavedModel with its two signatures into `folder`, on any file system.

    The class names are in `assets/labels.txt`, too, one a line, in the order of `classes`. The same
    server makes the same bytes; see `trainer.canonical_form`.
    """
    signatures = {
        features.SERVING_SIGNATURE: server.serve_images,
        features.EXAMPLES_SIGNATURE: server.serve_examples,
    }
    with tempfile.TemporaryDirectory() as place:
        labels = Path(place) / "labels.txt"
        labels.write_bytes(b"".join(label + b"\n" for label in server.labels.numpy()))
        server.labels_file = tf.saved_model.Asset(str(labels))
        tf.saved_model.save(server, folder, signatures=signatures)
    canonical_form.rewrite(folder)


def write_warmup(folder: str, pictures: Sequence[bytes], *, batch_sizes: Sequence[int]) -> None:
    """Write the requests that TF Serving replays when it loads the model.

    Args:
      folder: the SavedModel's.
      pictures: image files, one or more; repeated as needed.
      batch_sizes: a request for each.
    """
    extra = f"{folder}/assets.extra"
    tf.io.gfile.makedirs(extra)
    with tf.io.TFRecordWriter(f"{extra}/tf_serving_warmup_requests") as writer:
        for batch_size in batch_sizes:
            batch = [pictures[number % len(pictures)] for number in range(batch_size)]
            writer.write(_prediction_log(batch))


def _prediction_log(batch: Sequence[bytes]) -> bytes:
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = features.SERVING_SIGNATURE
    request.inputs[features.INPUT_IMAGE_BYTES].CopyFrom(tf.make_tensor_proto(list(batch)))
    log = prediction_log_pb2.PredictionLog(
        predict_log=prediction_log_pb2.PredictLog(request=request)
    )
    return log.SerializeToString()
