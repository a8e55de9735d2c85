"""Installs Frostline: the command, and the packages that Beam workers and pods run."""

from pathlib import Path

from setuptools import setup

VERSION = "0.1.0"

# TFX sets the pace: it pins TensorFlow, Transform, TFMA, Beam and kfp to each other.
RUNTIME = [
    "tfx[kfp]==1.21.0",
    "tensorflow>=2.21,<2.22",
    "tensorflow-transform>=1.21,<1.22",
    "tensorflow-data-validation>=1.16.1,<1.22",
    "apache-beam>=2.77,<2.78",
    "kfp>=2.16.1,<2.17",
    "kfp-kubernetes>=2.16.1,<2.17",
    "tensorflow-serving-api>=2.19",
    "aiohttp>=3.11",
    "grpcio>=1.70",
    "h5py>=3.11",
    "jinja2>=3.1",
    "keras-tuner>=1.4.7",
    "matplotlib>=3.9",
    "numpy>=1.26",
    "pillow>=11",
    "prometheus-client>=0.21",
    "pyarrow>=18",
    "pydantic>=2.9",
    "requests>=2.32",
    "rich>=13.9",
    "scipy>=1.13",
    "shtab>=1.7",
    "tensorboard>=2.19",
]
DEVELOPMENT = [
    "hypothesis>=6.120",
    "import-linter>=2.1",
    "jsonschema>=4.23",
    "pyright[nodejs]>=1.1.390",
    "pytest>=8.3",
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.8",
    "ruff>=0.9",
    "setuptools>=75",
    "wheel>=0.45",
]

setup(
    name="frostline",
    version=VERSION,
    description="A folder of images in, a gated, served image classifier out.",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=[
        "components",
        "pipeline",
        "pipeline.bulk",
        "pipeline.cluster",
        "pipeline.report",
        "pipeline.serving",
        "trainer",
    ],
    package_data={"pipeline.report": ["templates/*"]},
    python_requires=">=3.11,<3.12",
    install_requires=RUNTIME,
    extras_require={"dev": DEVELOPMENT, "gpu": ["tensorflow[and-cuda]>=2.21,<2.22"]},
    entry_points={"console_scripts": ["frostline = pipeline.cli:main"]},
)
