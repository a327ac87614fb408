# Every target builds what it needs; nothing has to be installed by hand beside Python 3.11, pip and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# Tests and commands start processes by the dozen; each would compile everything anew where the environment forbids this.
unexport PYTHONDONTWRITEBYTECODE
# One more than the two cores that the suite is meant for: much of its time it waits for processes that it started.
JOBS   ?= 3

.DEFAULT_GOAL := help
.PHONY: help demo test check fix bench proof mutants camara conformance openapi lock clean

help:  ## This list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# Where the venv module has no ensurepip (some distributions split it off), virtualenv from the registry takes its place.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed: install it, or name one with make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python -a -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV) 2>/dev/null || { \
		$(PYTHON) -m pip install --quiet --disable-pip-version-check --target $(VENV)-seed virtualenv && \
		PYTHONPATH=$(VENV)-seed $(PYTHON) -m virtualenv --quiet --clear $(VENV) && rm -rf $(VENV)-seed; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY)  ## Three pretend operators, the broker, and an agent that asks; ONCE=1 ends after the table
	@$(BIN)/trust-broker demo $(if $(ONCE),--once,)

test: check  ## Everything, from nothing
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not proof"

check: $(READY)  ## Lint, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(READY)  ## Format and apply safe lint fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)  ## Ratios against the yardsticks, written to tests/bench/RESULTS.md
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.callers
	$(BIN)/python -m tests.bench.network
	$(BIN)/python -m tests.bench.record
	$(BIN)/python -m tests.bench.thinking
	$(BIN)/python -m tests.bench.proving
	$(BIN)/python -m tests.bench.surfaces

proof: $(READY)  ## Slow evidence: long property runs
	$(BIN)/python -m pytest -n $(JOBS) -m proof

mutants: $(READY)  ## Change the rules one by one and see that a test notices; MODULES="gates costs" does those alone
	$(BIN)/python -m tests.mutation $(MODULES)

camara: $(READY)  ## CAMARA's own scenarios against the pretend operator; FEATURES=DIR plays others
	$(BIN)/python -m tests.camara $(FEATURES)

conformance: $(READY)  ## What open suites and other people's clients say; SUITE=mcp runs one of them
	@$(BIN)/python -m tests.conformance $(SUITE)

openapi: $(READY)  ## Write the published contracts from the code
	$(BIN)/trust-broker openapi --write

lock: $(READY)  ## Choose versions anew and pin them by hash
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --upgrade \
		--no-header --quiet -o requirements.lock

clean:  ## Remove what the targets made
	rm -rf $(VENV) $(VENV)-seed .demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .conformance .mutants
