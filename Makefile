# `make help` prints the targets. Nothing needs to be done before them: they make .venv.

# Another interpreter: make run PYTHON=/path/to/python3.11
PYTHON ?= python3.11
# Another lock: make run LOCK=requirements-gpu.lock; later calls keep to it.
LOCK ?= $(or $(patsubst .venv/%.installed,%,$(wildcard .venv/*.installed)),requirements.lock)
# More arguments for the command behind a target: make test ARGS="-k images"
ARGS ?=
# Test files at once; each may take 3 GB: make test WORKERS=1
WORKERS ?= 2

BIN := .venv/bin
LOCKED := .venv/$(LOCK).installed
INSTALLED := .venv/installed
# A file's tests stay together: they share what takes seconds to make.
AT_ONCE := -n $(WORKERS) --dist loadfile
BENCHMARKS := $(wildcard benchmarks/*.py)

CHECK_PYTHON := $(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
	echo 'error: "$(PYTHON)" is not a working Python 3.11, and TFX takes no newer one.'; \
	echo 'Install Python 3.11, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11'; \
	exit 1; }

# Every wheel in a lock runs from glibc 2.28 on, whatever machine the lock is made on.
LOCK_PLATFORM := x86_64-manylinux_2_28
LOCK_TOOL := uv==0.13.9
LOCK_VENV := build/lock-venv
RESOLVE := $(LOCK_VENV)/bin/uv pip compile setup.py --quiet --python-version 3.11 \
	--generate-hashes --no-header --no-annotate --no-emit-index-url
COMPILE := $(RESOLVE) --extra dev --override requirements.overrides \
	--python-platform $(LOCK_PLATFORM) $(ARGS)
# The image for Kubeflow has a newer glibc, so that nothing is overridden. What it finds in its
# lock uv keeps where it can: that is first made a copy of the other one.
COMPILE_IMAGE := $(RESOLVE) --python-platform x86_64-manylinux_2_39

# What the test of the report asks about its accessibility; without npm that test is skipped.
AXE := build/axe-core.installed
AXE_CORE := axe-core@4.14.1

.DEFAULT_GOAL := help
.PHONY: help run test check e2e bench golden lock clean

help: ## Show this list
	@sed -nE 's/^([a-z0-9]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 16
	@echo 'ARGS="..." hands more arguments to the command, as in: make test ARGS="-k images"'

run: $(INSTALLED) ## Train, judge and push a model on the embedded sample data
	$(BIN)/frostline run --preset sample --work-dir runs/sample $(ARGS)

test: $(INSTALLED) ## Run every test but the end-to-end runs (minutes)
	$(BIN)/python -m pytest -m "not e2e" $(AT_ONCE) $(ARGS)

check: $(INSTALLED) ## Check format, lint, types, import contracts and registry hosts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports --no-logo
	@echo 'Looking for the host of a package registry in the files ...'
	@git grep --no-index --exclude-standard -nIE 'pypi[.]org|pythonhosted[.]org|npmjs[.]org'; \
		test $$? -eq 1 || { echo 'error: name no registry host: everybody has their own'; exit 1; }
	@grep -nE '://|^-' requirements* kubeflow/requirements*; \
		test $$? -eq 1 || { echo 'error: a lock holds names, versions and hashes only'; exit 1; }

e2e: $(INSTALLED) $(AXE) ## Run the end-to-end tests (tens of minutes)
	$(BIN)/python -m pytest -m e2e --timeout=1800 $(AT_ONCE) $(ARGS)

bench: $(INSTALLED) ## Run every benchmark; each prints one line of JSON
	@test -n '$(BENCHMARKS)' || { echo 'error: benchmarks/ holds no benchmark'; exit 1; }
	@set -e; for file in $(BENCHMARKS); do $(BIN)/python $$file $(ARGS); done

golden: $(INSTALLED) ## Write the golden files anew, to be reviewed as a diff
	GOLDEN=write $(BIN)/python -m pytest tests/kubeflow/test_compile.py -k golden $(ARGS)

lock: ## Pin the requirements of setup.py anew (ARGS=--upgrade: the newest of each)
	@$(CHECK_PYTHON)
	$(PYTHON) -m venv --clear $(LOCK_VENV)
	$(LOCK_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps $(LOCK_TOOL)
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --extra gpu --constraint requirements.lock --output-file requirements-gpu.lock
	cp requirements.lock kubeflow/requirements.lock
	$(COMPILE_IMAGE) --output-file kubeflow/requirements.lock
	cp kubeflow/requirements.lock kubeflow/requirements-gpu.lock
	$(COMPILE_IMAGE) --extra gpu --output-file kubeflow/requirements-gpu.lock
	rm -rf $(LOCK_VENV)

clean: ## Remove .venv, builds and caches; runs/ stays
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(AXE): Makefile
	@mkdir -p build
	-@command -v npm >/dev/null && npm install --silent --no-save --no-package-lock \
		--ignore-scripts --prefix build $(AXE_CORE)
	@touch $@

# Both stamps are written last, so that an interrupted installation is done again.
$(INSTALLED): $(LOCKED) setup.py pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# From scratch each time: what is no longer in the lock must not linger.
$(LOCKED): $(LOCK)
	@$(CHECK_PYTHON)
	@rm -f .venv/*installed
	@echo 'Installing $(LOCK) into .venv: about 3 GB and two minutes, once.'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --requirement $(LOCK)
	@touch $@
