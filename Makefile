# The README's two commands are `make plan` and `make test`. Each installs what it needs first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: plan test lint types layers unit facts calibrate runtimes clean

plan: $(VENV)/installed
	$(BIN)/polysilicon plan examples/novamind/scenario.yaml --out plan-out

test: $(VENV)/installed-dev lint types layers unit

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed-dev
	$(BIN)/mypy

layers: $(VENV)/installed-dev
	$(BIN)/lint-imports --no-cache

unit: $(VENV)/installed-dev $(VENV)/installed-runtimes
	$(BIN)/pytest -n auto

# Compile src/polysilicon/facts/data into the index that commands read; run after editing any fact.
facts: $(VENV)/installed
	$(BIN)/polysilicon facts build

# Fit the efficiency parameters to the measured cases again, then compile them in. The matrices of the fits are small:
# threads of the linear algebra library only wait for one another.
calibrate: export OPENBLAS_NUM_THREADS = 1
calibrate: export OMP_NUM_THREADS = 1
calibrate: $(VENV)/installed
	$(BIN)/python scripts/calibrate.py
	$(BIN)/python scripts/calibrate_serving.py
	$(BIN)/polysilicon facts build
	$(BIN)/python scripts/record_domain.py
	$(BIN)/python scripts/record_validation.py

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Python 3.11 or newer is needed; choose one with make PYTHON=/path/to/python' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo 'the venv module is needed: on Debian, apt-get install python3-venv' >&2; rm -rf $(VENV); exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip

$(VENV)/installed: $(VENV)/bin/python pyproject.toml
	@echo 'installing polysilicon into $(VENV) ...'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

# What `port verify`, `measure` and the example kernels run on. Tests that need them are skipped where they can't be had.
runtimes: $(VENV)/installed-runtimes

$(VENV)/installed-runtimes: $(VENV)/installed-dev scripts/install_runtimes.py
	@echo 'installing the runtimes of port verify into $(VENV) ...'
	@$(BIN)/python scripts/install_runtimes.py
	@touch $@

clean:
	rm -rf $(VENV) plan-out .mypy_cache .ruff_cache .pytest_cache .hypothesis
