# Each target does all of its own set-up, from Python 3.11, git and make alone.

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long lint bench bench-night clean

UV_VERSION := 0.13.9
OWN_UV := .tools/uv/bin/uv
UV := $(or $(shell command -v uv),$(OWN_UV))
BIN := .venv/bin
# The settings of whoever runs this must not leak into tests.
BARE := env -u SIS_ASSETS_HOME -u SIS_ASSETS_CATALOG -u SIS_ASSETS_FILES -u DAGSTER_HOME

# Tools keep caches and settings in HOME; where there is none to write to, they get one of their own.
ifneq ($(shell test -n "$$HOME" && test -d "$$HOME" && test -w "$$HOME" && echo usable),usable)
export HOME := $(CURDIR)/.tools/home
$(shell mkdir -p "$(HOME)")
endif
export DAGSTER_DISABLE_TELEMETRY := yes
export VIRTUAL_ENV := $(CURDIR)/.venv

help: ## Show what can be made (this).
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(filter $(OWN_UV),$(UV)) ## Install everything that is locked into .venv.
	@.ci/system
	@$(UV) sync --locked --quiet --compile-bytecode

$(OWN_UV):
	@python3 -m venv .tools/uv
	@.tools/uv/bin/pip install --quiet uv==$(UV_VERSION)

demo: setup ## Play several nights of six made-up districts, then show them in the Dagster UI (Ctrl-C ends it).
	@$(BIN)/sis-assets demo

lint: setup ## Check style, types, imports, the lock file and the definitions.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(UV) lock --check
	$(BARE) $(BIN)/dg check defs
	env -i $(BIN)/python .ci/definitions.py

test: lint ## Run all checks, then all tests but the longest.
	$(BARE) $(BIN)/pytest -n auto

test-long: setup ## Run the tests of whole nights and purges that take too long for every change.
	$(BARE) $(BIN)/pytest -n auto -m long

bench: setup ## Run every benchmark of bench/ and print what it measures.
	@failed=; for each in $(patsubst bench/%.py,%,$(filter-out %/__init__.py %/fleet.py,$(wildcard bench/*.py))); do \
		echo "== $$each"; $(BARE) $(BIN)/python -m bench.$$each || failed="$$failed $$each"; \
	done; test -z "$$failed" || { echo "missed their targets:$$failed"; exit 1; }

N ?= 500
bench-night: setup ## Measure a night of N districts of real sizes (N=500, or several: N="100 500").
	$(BARE) $(BIN)/python -m bench.night $(N)

clean: ## Remove what was installed and cached; data/ stays.
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache bench/.venvs
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
