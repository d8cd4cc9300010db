# Every command of the project. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA := $(or $(MINSHENG_DATA),data)
UV_VERSION := 0.13.9
# The oldest DuckDB client that has to open a release.
DUCKDB_CLIENT := duckdb==1.4.4
# What builds the models on Spark; an environment of its own, for it shares nothing with the project but the SQL.
SPARK := dbt-core==1.11.16 dbt-spark[session]==1.11.0 pyspark==4.3.0
BROWSER := chromium fonts-noto-cjk
export DAGSTER_DISABLE_TELEMETRY := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export GX_ANALYTICS_ENABLED := false
# A night starts Python several times; without cached bytecode each start compiles everything again.
unexport PYTHONDONTWRITEBYTECODE

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## install what is missing (done by every command below)

# The .pth lets commands of other packages (dagster, dg) import the project, from whatever folder they start. Libraries are compiled
# here: where Python may not write beside them (PYTHONDONTWRITEBYTECODE in containers, an environment of another user), each process of
# a night would compile them for itself. Not by uv, which compiles nothing in an environment that lacks nothing.
$(VENV)/.ready: requirements.lock Makefile
	@started=$$SECONDS; printf ' setting up ... '; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Python 3.11 or newer is needed: make PYTHON=python3.11 …'; exit 1; }; \
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) && \
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock && \
	$(BIN)/python -m compileall -q -j 0 $(VENV)/lib && \
	$(BIN)/python -c 'import pathlib, site; pathlib.Path(site.getsitepackages()[0], "minsheng.pth").write_text("$(CURDIR)\n")' && \
	touch $@ && echo "$$((SECONDS - started)) s"

demo: setup ## a fictional city's feeds, one night, a summary
	@MINSHENG_DATA=$(DATA) $(BIN)/python -m orchestration demo $(if $(COMMUNITIES),--communities $(COMMUNITIES)) $(if $(SEED),--seed $(SEED))

nightly: setup ## take in what lies in the inbox, build, audit, release
	@MINSHENG_DATA=$(DATA) $(BIN)/python -m orchestration night

real: setup ## one night on the public files beside the project
	@MINSHENG_DATA=$(or $(MINSHENG_DATA),data/real) $(BIN)/python -m orchestration real

ui: setup ## the Dagster UI and its daemon on http://127.0.0.1:3000
	@export MINSHENG_DATA=$$($(BIN)/python -c 'from orchestration.paths import data_directory; print(data_directory().root)') && \
	export DAGSTER_HOME=$$($(BIN)/python -m orchestration home) && \
	exec $(BIN)/dagster dev -w workspace.yaml -h 127.0.0.1 -p $(or $(PORT),3000)

desk: setup ## a page on http://127.0.0.1:3100 to check a file and to decide what waits for a person
	@MINSHENG_DATA=$(DATA) exec $(BIN)/python -m orchestration desk --port $(or $(PORT),3100)

# Nothing is installed as long as there is nothing to show.
superset: setup ## the dashboards in Apache Superset on http://127.0.0.1:8088, which is installed for itself on first use
	@export MINSHENG_DATA=$(DATA) && $(BIN)/python bi/serve.py check --port $(or $(PORT),8088) && $(MAKE) --no-print-directory --silent .compat/superset/.ready && \
	exec .compat/superset/bin/python bi/serve.py serve --port $(or $(PORT),8088)

dashboards: setup .compat/superset/.ready browser ## every chart asked through Superset, on DuckDB and on PostgreSQL, and looked at in a browser (slow)
	@$(BIN)/python -m pytest -q -m slow tests/orchestration/release/targets/test_superset.py

# Superset keeps to older versions of what the project uses, so it has an environment of its own.
.compat/superset/.ready: bi/requirements.lock | $(VENV)/.ready
	@started=$$SECONDS; printf ' installing Superset into .compat/superset (700 MB, a few minutes, once) ... '; \
	{ $(BIN)/uv venv --quiet --clear --no-python-downloads --python '>=3.11,<3.13' .compat/superset || \
	{ echo 'Superset 6.1 runs on Python 3.11 or 3.12: install one of them beside yours'; exit 1; }; } && \
	$(BIN)/uv pip install --quiet --compile-bytecode --python .compat/superset/bin/python --require-hashes -r bi/requirements.lock && \
	touch $@ && echo "$$((SECONDS - started)) s"

# Two processes on two cores: polars' threads would only wake each other, a tenth of the door's work.
PYTEST := POLARS_MAX_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

test: setup .compat/duckdb browser ## the tests one waits for: one night of a small city, the door, the models, the pages
	@$(PYTEST) $(TESTS)

# Debian's Chromium and Chinese letters, for the tests that look at pages as a reader does.
browser:
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	{ printf ' installing a browser for the tests ... '; apt-get install -y -qq --no-install-recommends $(BROWSER) >/dev/null 2>&1 || \
	{ apt-get update -qq >/dev/null 2>&1 && apt-get install -y -qq --no-install-recommends $(BROWSER) >/dev/null 2>&1; }; } && echo done; } || \
	echo 'make test: there is no Chromium, and it can only be installed by root on Debian: tests in a browser are skipped'

.compat/duckdb: Makefile $(VENV)/.ready
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --target $@ $(DUCKDB_CLIENT) && touch $@

year: setup ## 365 nights of a whole city, updated night by night, held against one build (slow; NIGHTS=40 for fewer)
	@$(BIN)/python -m pytest -q -m slow tests/dbt_project/test_year.py

.PHONY: slow
slow: setup browser ## all other tests but the year, as CI runs them too: more nights, simulations, the mainland's divisions, a release made again
	@$(PYTEST) -m slow --ignore tests/dbt_project/test_year.py $(TESTS)

attack: setup ## what an outsider works out of the public edition about few people: 0, or who and how
	@MINSHENG_DATA=$(DATA) $(BIN)/python -m orchestration attack

spark: setup ## the models on Spark, row for row against DuckDB (Java 17; skipped without)
	@java=$$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p'); \
	if [ "$${java:-0}" -lt 17 ]; then echo 'make spark: skipped, there is no Java 17 here (Debian: openjdk-17-jre-headless)'; \
	else $(MAKE) --no-print-directory .compat/spark/.ready && $(BIN)/python tests/dbt_project/on_spark.py .compat/spark/bin/dbt; fi

.compat/spark/.ready: Makefile $(VENV)/.ready
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .compat/spark && \
	$(BIN)/uv pip install --quiet --compile-bytecode --python .compat/spark/bin/python $(foreach package,$(SPARK),'$(package)') && touch $@

check: setup ## format, lint, types, SQL, generated files, definitions
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy contracts orchestration demo bi benchmarks
	@$(BIN)/python -m contracts.generate --check
	@export MINSHENG_DATA=$$(mktemp -d) && trap 'rm -rf $$MINSHENG_DATA' EXIT && mkdir $$MINSHENG_DATA/warehouse && \
	export DAGSTER_HOME=$$($(BIN)/python -m orchestration home) && \
	VIRTUAL_ENV=$(CURDIR)/$(VENV) PATH=$(CURDIR)/$(BIN):$$PATH dg check defs && \
	echo 'linting SQL: a minute or two' && cd dbt_project && ../$(BIN)/sqlfluff lint --processes 2 models tests

generate: setup ## write what is made from the contracts
	@$(BIN)/python -m contracts.generate

lock: setup ## resolve requirements.lock again
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-emit-index-url --no-emit-find-links --quiet --upgrade -o requirements.lock
	@$(BIN)/uv pip compile bi/requirements.in --universal --generate-hashes --no-emit-index-url --no-emit-find-links --quiet --upgrade -o bi/requirements.lock

bench: setup ## measurements, as ratios in one run
	@$(BIN)/python -m benchmarks

clean: ## remove the demo's data (the real data directory of a bureau is never touched)
	@test "$(DATA)" = data && rm -rf data || echo "MINSHENG_DATA is set: remove $(DATA) yourself if you mean it"

.PHONY: help setup demo nightly real ui desk superset dashboards test browser year attack spark check generate lock bench clean
