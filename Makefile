# The one definition of how lrkit is run, tested and checked. `make help` lists the targets.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt
# One thread a process: for small models two one-thread processes beat one two-thread process.
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help run test test-slow test-browser test-peers test-base lint format types docs docs-check laws-page studio-pictures bench bench-page studies clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

# torch goes first and alone: what depends on it would otherwise pull a build for other hardware.
$(VENV)/.lab: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch==2.13.0
	$(PIP) -e '.[lab]'
	@touch $@

$(VENV)/.dev: $(VENV)/.lab
	$(PIP) -e '.[dev]'
	@touch $@

$(VENV)/.peers: $(VENV)/.dev
	$(PIP) -e '.[peers]'
	@touch $@

run: $(VENV)/.lab  ## train LeNet on handwritten digits under six schedules, with a report
	$(BIN)/lrkit compare studies/digits.toml --out reports/digits

test: $(VENV)/.dev  ## the fast tests (under 10 minutes on 2 cores)
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow and not peers and not browser" tests
	$(BIN)/pytest -q --doctest-modules src

test-slow: $(VENV)/.dev  ## the tests that take minutes
	$(BIN)/pytest -m slow tests

# A browser, a server and a training on two noisy cores: what fails is tried once more, and said.
test-browser: $(VENV)/.dev  ## the studio's pages in a real Chromium (skipped where there is none)
	$(BIN)/pytest -m browser tests || (echo "once more, those that failed:"; $(BIN)/pytest -m browser --last-failed tests)

test-peers: $(VENV)/.peers  ## inside Lightning, transformers and Accelerate; parity with the peers, live
	$(BIN)/pytest -m peers tests
	$(BIN)/pytest -q tests/parity tests/control

test-base: pyproject.toml constraints.txt  ## the base install alone: schedules without torch
	$(PYTHON) -m venv .venv-base
	.venv-base/bin/pip install --quiet --disable-pip-version-check -c constraints.txt .
	.venv-base/bin/python tests/base_install.py

lint: $(VENV)/.dev  ## ruff and the contracts between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

format: $(VENV)/.dev  ## rewrite the code in the one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.dev  ## mypy --strict
	$(BIN)/mypy

docs: $(VENV)/.dev  ## write the generated docs pages and the gallery anew
	$(BIN)/python docs/generate.py

docs-check: $(VENV)/.dev  ## fail where a generated page is not what the code says
	$(BIN)/python docs/generate.py --check

laws-page: $(VENV)/.dev  ## measure the tables of docs/laws.md anew (many minutes; needs the published curves)
	$(BIN)/python docs/measure_laws.py

studio-pictures: $(VENV)/.dev  ## draw the pictures of the studio's page anew (needs Chromium)
	$(BIN)/python docs/draw_studio.py

bench: $(VENV)/.peers  ## every benchmark, as ratios against the peer in the same run
	$(BIN)/python -m bench

bench-page: $(VENV)/.peers  ## the same, kept as docs/benchmarks.md
	$(BIN)/python -m bench --write docs/benchmarks.md

# clr-cifar10 at full length is for a GPU: hours on a CPU; clr-cifar10-short is a tenth of it.
studies: $(VENV)/.lab  ## every study in studies/ but clr-cifar10 (two hours on 2 cores)
	for study in $(filter-out studies/clr-cifar10.toml,$(wildcard studies/*.toml)); do $(BIN)/lrkit compare $$study --out reports/$$(basename $$study .toml) || [ $$? = 1 ] || exit 1; done
	$(BIN)/python docs/generate_studies.py --keep reports

clean:  ## remove what was built; runs and reports stay
	rm -rf $(VENV) .venv-base build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
