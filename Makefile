# make demo        set up, build the sample dataset, train, print the report's path
# make weights     set up, fetch weights of face detectors and encoders (once; needs the network)
# make test        set up, run the tests
# make test-lane2  the same with the newest TensorFlow and NumPy, in .venv-lane2 (Python 3.13 or 3.12)
# make test-slow   set up, fetch Flink and Spark, run the slow tests (minutes) and those on clusters
# make flink-test  set up, fetch Flink (once; needs the network, Java and Maven), run the tests on it
# make spark-test  the same with Spark
# make lint        set up, run the linters, the type checker and the import rules
# make docs        set up, build the documentation's site in build/site; broken links are errors
# make bench       set up, install the peers under .bench/, run the benchmarks: benchmarks/README.md
# make bench-quick  the same with little data, to see that everything runs
# make lock        update both lock files from setup.py (needs the network); versions that fit stay
# make licenses    list the licences of installed packages and weights (needs the network once)
# make clean       remove .venv, .venv-lane2, build, data and runs

# The first supported interpreter on the PATH; `make PYTHON=...` selects another.
SUPPORTED = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c '$(SUPPORTED)' 2>/dev/null && { echo $$p; break; }; done)
# For Python 3.11 to 3.13: the newest TensorFlow and NumPy for 3.13, which TensorFlow 2.16 lacks.
LOCK = requirements.lock
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: setup weights demo test test-lane2 flink-test spark-test test-slow lint docs bench \
	bench-quick lock licenses clean

setup: $(VENV)/.complete weights

# Does nothing, without the network, where the weights are complete.
weights: $(VENV)/.complete
	@$(BIN)/python -m facevoice.weights

$(VENV)/.complete: $(LOCK) setup.py
	@$(PYTHON) -c '$(SUPPORTED)' 2>/dev/null || { \
		echo "error: FaceVoice needs Python 3.11, 3.12 or 3.13, and $(or $(PYTHON),nothing on the PATH) is not one; install it, or select it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --require-hashes -r $(LOCK)
	$(BIN)/pip install --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	$(BIN)/python -m beam_pipelines.build --runner DirectRunner
	$(BIN)/python train.py --model cnn_image --data data/sample --epochs 4 --batch_size 8

test: setup
	$(BIN)/python -m pytest -n auto --dist loadfile

# Also on Python 3.12. LANE2_TESTS=tests/tfdata selects some of them.
LANE2_PYTHON ?= $(shell for p in python3.13 python3.12; do command -v $$p >/dev/null && \
	$$p -c '$(SUPPORTED)' 2>/dev/null && { echo $$p; break; }; done)
LANE2_TESTS ?= tests
test-lane2:
	@test -n "$(LANE2_PYTHON)" || { echo "error: make test-lane2 needs Python 3.13 or 3.12" >&2; exit 1; }
	$(MAKE) setup PYTHON=$(LANE2_PYTHON) VENV=.venv-lane2 LOCK=requirements-lane2.lock
	.venv-lane2/bin/python -m pytest -n auto --dist loadfile $(LANE2_TESTS)

# Run some of them: make flink-test FLINK_TESTS=tests/beam_pipelines/clusters/flink/test_bytes.py
CLUSTERS = tests/beam_pipelines/clusters
ISOLATED = $(CLUSTERS)/isolated.sh
FLINK_TESTS = $(CLUSTERS)/flink
flink-test: setup
	$(BIN)/python -m tests.beam_pipelines.clusters.flink.fetch
	$(ISOLATED) $(BIN)/python -m pytest -m "flink and not slow" $(FLINK_TESTS)

SPARK_TESTS = $(CLUSTERS)/spark
spark-test: setup
	$(BIN)/python -m tests.beam_pipelines.clusters.spark.fetch
	$(ISOLATED) $(BIN)/python -m pytest -m "spark and not slow" $(SPARK_TESTS)

# Without Java or Maven, the tests on Flink and Spark are skipped with the reason.
test-slow: setup
	-$(BIN)/python -m tests.beam_pipelines.clusters.flink.fetch
	-$(BIN)/python -m tests.beam_pipelines.clusters.spark.fetch
	$(ISOLATED) $(BIN)/python -m pytest -m "slow or flink or spark" -s

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The variable turns off a notice of mkdocs-material about other software.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "The site is build/site/index.html."

bench: setup
	$(BIN)/python benchmarks/bench.py

bench-quick: setup
	$(BIN)/python benchmarks/bench.py --quick

COMPILE = build/lock/bin/uv pip compile setup.py --extra train --extra faces --extra dev --universal \
	--generate-hashes --no-annotate --no-emit-index-url --custom-compile-command "make lock"
lock:
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/pip install uv
	$(COMPILE) --python-version 3.11 --output-file requirements.lock
	printf '%s\n' 'tensorflow>=2.21,<3' 'onnx>=1.16' "tensorflow-io; python_version < '3'" \
		>build/lock/lane2.txt
	$(COMPILE) --python-version 3.12 --override build/lock/lane2.txt \
		--output-file requirements-lane2.lock

# pip-licenses is installed in a separate environment, so that the list has only what FaceVoice needs.
PIP_LICENSES = build/licenses/bin/pip-licenses
$(PIP_LICENSES): | $(VENV)/.complete
	$(BIN)/python -m venv --clear build/licenses
	build/licenses/bin/pip install --quiet 'pip-licenses>=5.5,<6'

# For the second environment: make licenses VENV=.venv-lane2 LOCK=requirements-lane2.lock
licenses: setup $(PIP_LICENSES)
	@$(PIP_LICENSES) --python $(BIN)/python --with-system --with-urls --order=license
	@printf '\nWeights and parts of other projects (NOTICE):\n\n'
	@cat NOTICE

clean:
	rm -rf .venv .venv-lane2 build data runs
