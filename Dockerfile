# A worker of a build: this project without TensorFlow, in the versions of requirements.lock.
# It was not built where it was written; see docs/how-to/clusters.md.
#
#   docker build -t facevoice-worker .
#
# Beside a Flink TaskManager, as a worker pool:
#   docker run --network host --entrypoint facevoice-worker-pool facevoice-worker --port 50000
# As `--environment_type DOCKER --environment_config facevoice-worker`, and for Dataflow's
# `--sdk_container_image`, Beam's own program starts it.
FROM python:3.11-slim

WORKDIR /facevoice
COPY requirements.lock setup.py pyproject.toml README.md ./
# The lock file's versions, without its digests, which pip would then want of this project, too.
RUN sed -E 's/ *\\$//; /^ *--hash=/d' requirements.lock > constraints.txt
COPY . .
RUN pip install --no-cache-dir --constraint constraints.txt \
        '.[encoders,faces,m4a,s3,speech,videos]' \
    && FACEVOICE_CACHE=/facevoice/cache python -m facevoice.weights
ENV FACEVOICE_CACHE=/facevoice/cache

COPY --from=apache/beam_python3.11_sdk:2.77.0 /opt/apache/beam /opt/apache/beam
ENTRYPOINT ["/opt/apache/beam/boot"]
