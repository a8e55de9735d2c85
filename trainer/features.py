"""One vocabulary: the names of features, splits and tensors. Imports nothing.

An Example written by ImageExampleGen holds the `image/...` features below; Transform adds
`PIXELS`; the SavedModel answers the `OUTPUT_...` tensors.
"""

# Features of an ingested Example.
ENCODED = "image/encoded"  # bytes: the file as it was found
FORMAT = "image/format"  # bytes: JPEG, PNG, GIF, BMP or WEBP, by content
HEIGHT = "image/height"  # int64, pixels
WIDTH = "image/width"  # int64, pixels
FILENAME = "image/filename"  # bytes: path relative to the data folder
SHA256 = "image/sha256"  # bytes: hex digest of ENCODED
LABEL = "image/class/text"  # bytes: the class name
GROUP = "image/group"  # bytes: what belongs together, as one person's photos; not in every Example

# Image properties, which make statistics, drift and slices work on images; their definitions,
# units and ranges are those of components.properties.ImageProperties.
BYTES = "image/bytes"  # int64, size of ENCODED
ASPECT = "image/aspect"  # float
BRIGHTNESS = "image/brightness"  # float
CONTRAST = "image/contrast"  # float
SHARPNESS = "image/sharpness"  # float
COLOURFULNESS = "image/colourfulness"  # float

# The same in words, by which the evaluation is sliced; the words are those of components.buckets.
BRIGHTNESS_BUCKET = "image/brightness/bucket"  # bytes: dark, medium or bright
SHARPNESS_BUCKET = "image/sharpness/bucket"  # bytes: blurred or sharp
SIZE_BUCKET = "image/size/bucket"  # bytes: small, medium or large

# What statistics are made of: those that every Example has. A domain of groups would be broken by
# each new one.
MEASURED = (
    ENCODED,
    FORMAT,
    HEIGHT,
    WIDTH,
    FILENAME,
    SHA256,
    LABEL,
    BYTES,
    ASPECT,
    BRIGHTNESS,
    CONTRAST,
    SHARPNESS,
    COLOURFULNESS,
    BRIGHTNESS_BUCKET,
    SHARPNESS_BUCKET,
    SIZE_BUCKET,
)

# Features of a transformed example.
PIXELS = "image/pixels"  # bytes: uint8, row-major [size, size, 3], RGB

# The asset of Transform that lists the class names.
LABEL_VOCABULARY = "labels"

# What Trainer and Tuner are handed beside TFX's own inputs: the folder of the frozen features.
FROZEN = "features"

# What the Tuner leaves of all trials, beside TFX's own results.
TRIALS = "trials.json"

# Splits, with TFX's names. Evaluator judges TEST where there is one, else EVAL.
TRAIN = "train"
EVAL = "eval"
TEST = "test"

# Signatures of the SavedModel and their tensors.
SERVING_SIGNATURE = "serving_default"
EXAMPLES_SIGNATURE = "serving_examples"
INPUT_IMAGE_BYTES = "image_bytes"  # string [N]
INPUT_EXAMPLES = "examples"  # string [N]
OUTPUT_LABEL = "label"  # string [N]
OUTPUT_SCORE = "score"  # float32 [N], in 0..1
OUTPUT_SCORES = "scores"  # float32 [N, C], each row sums to 1
OUTPUT_CLASSES = "classes"  # string [N, C], the same row N times
# string [N], why an image cannot be read; then its label is empty, and its scores are 0
OUTPUT_ERROR = "error"
