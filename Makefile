# Everything a person does with a checkout. `make demo` and `make test` need nothing before them but Python >= 3.11.

PYTHON ?=
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
DATA   ?= build/serve
LISTEN ?= 127.0.0.1:9220
PYTEST ?= $(BIN)/python -m pytest -n 2 --dist loadfile
export SRC

.PHONY: demo serve test test-long test-all check bench bench-gc bench-scale bench-workers torture torture-cluster bytecode lock clean help

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 8

demo: $(VENV)/.run bytecode ## back up a real directory (SRC=..., default Python's own library), change it, restore it, compare everything
	$(BIN)/python -m scripts.demo $(if $(SRC),"$$SRC")

serve: $(VENV)/.run bytecode ## run the service in the foreground (DATA=..., LISTEN=host:port)
	$(BIN)/holdfast serve --data "$(DATA)" --listen "$(LISTEN)"

test: $(VENV)/.dev bytecode ## run the tests (PYTEST_ARGS=... to choose)
	$(PYTEST) $(PYTEST_ARGS)

test-long: $(VENV)/.dev bytecode ## run the long tests, which `make test` leaves out
	$(PYTEST) -m "long and not torture" $(PYTEST_ARGS)

test-all: test test-long ## run both

check: $(VENV)/.dev ## linters, types and floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev bytecode ## measure against restic and borg where they are installed; writes docs/benchmarks.md
	$(BIN)/python -m bench.run $(BENCH_ARGS)

bench-gc: $(VENV)/.dev ## measure what collecting a deleted recovery point costs, by what is kept; writes docs/benchmarks.md
	$(BIN)/python -m bench.collection $(BENCH_ARGS)

bench-scale: $(VENV)/.dev ## measure what grows with a vault, on SQLite and PostgreSQL; writes docs/benchmarks.md
	$(BIN)/python -m bench.scale $(BENCH_ARGS)

bench-workers: $(VENV)/.dev ## measure what 1, 2 and 3 processes serve on this machine
	$(BIN)/python -m bench.workers $(BENCH_ARGS)

torture: $(VENV)/.dev ## attack a store for a quarter of an hour (HOURS=n for longer); writes build/reliability.md
	$(BIN)/python -m torture.run $(if $(HOURS),--hours $(HOURS)) $(TORTURE_ARGS)

torture-cluster: $(VENV)/.dev ## attack three nodes on PostgreSQL and a bucket for ten minutes (MINUTES=n for another time)
	$(BIN)/python -m torture.cluster.run $(if $(MINUTES),--minutes $(MINUTES)) $(TORTURE_ARGS)

lock: $(VENV)/.dev ## renew the lock files (LOCK_ARGS=--upgrade to move versions)
	$(BIN)/python scripts/lock.py $(LOCK_ARGS)

# As an installer leaves it. Compiling half of the program at each start costs as much again as the start itself, where
# Python is not allowed to write what it has compiled (PYTHONDONTWRITEBYTECODE).
bytecode: | $(BIN)/python
	@$(BIN)/python -m compileall -q src

clean: ## remove everything that was made here
	rm -rf build dist .venv .venvs .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment: made once, renewed when a lock changes. The project itself is installed from this checkout, editable,
# with the build back end that the lock holds, so that nothing is fetched that the lock does not name.

$(BIN)/python:
	PYTHON="$(PYTHON)" sh scripts/venv.sh $(VENV)

$(VENV)/.run: requirements/run.txt pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --require-hashes -r requirements/run.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@touch $@
