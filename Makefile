# Three commands: `make gates` judges a phase of the demo, `make report` does and draws what it found,
# `make test` runs every test.
#
# make itself ends with 2 whenever a recipe fails. A pipeline that acts on the
# verdict calls pytest directly, whose exit code tells HOLD from ROLLBACK.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# Another pytest than the newest, such as 8.4.2, for a VENV of its own.
PYTEST ?=
CONSTRAINTS = $(if $(PYTEST),$(VENV)/constraints.txt,constraints.txt)
# Modules are compiled when they are first imported: most of what is installed never is.
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint $(CONSTRAINTS)
# The tests of one module share what is costly, so a worker has a row of them and takes over others' when it is done.
WORKERS = -n auto --dist worksteal

# Some machines forbid Python to keep compiled modules; every one of the suite's
# many pytest runs would then compile this package anew.
unexport PYTHONDONTWRITEBYTECODE

# A report's phase and environment, and where npm puts the tools that draw it: outside of the repository.
PHASE ?= phase1
ENVIRONMENT ?= demo
ALLURE = $(HOME)/.cache/pytest-rollout/allure

.PHONY: gates report allure test promises traps mutations mutations-fast lint types format lock benchmarks constraints clean

gates: $(VENV)/.gates
	$(BIN)/python -m pytest gates/dual_memory -m phase1 --rollout-env demo

# Judges a phase and builds one HTML file of it, whatever the verdict; says which, and is its exit code to make.
report: $(VENV)/.report allure
	@rm -rf allure-results
	@status=0; $(BIN)/python -m pytest gates/dual_memory -m $(PHASE) --rollout-env $(ENVIRONMENT) \
		--alluredir allure-results || status=$$?; \
	$(BIN)/python -m pytest_rollout.reports.allure_html allure-results allure-report --tools $(ALLURE) \
		|| { [ $$status -ne 0 ] || status=1; }; \
	echo "the gates ended with exit code $$status (0 PROCEED, 1 and 10 HOLD, 20 ROLLBACK)"; exit $$status

# The tools of Allure, from npm, which Debian has as `npm`; Allure 2 needs a Java, Allure 3 none.
allure: $(ALLURE)/.installed

$(ALLURE)/.installed: pytest_rollout/reports/allure_html.py
	@command -v npm >/dev/null || { echo "no npm here: apt-get install -y --no-install-recommends npm"; exit 1; }
	@mkdir -p $(ALLURE)
	npm install --no-save --no-package-lock --no-audit --no-fund --loglevel error --prefix $(ALLURE) \
		$$(sed -n 's/^VERSIONS = (\(.*\))/\1/p' $< | tr -d '",')
	@touch $@

test: $(VENV)/.test
	$(BIN)/python -m pytest $(WORKERS) tests

# All promises with a new interpreter for each run; `make test` forks most of them (tests/support/warm.py).
promises: $(VENV)/.test
	PROMISES=anew $(BIN)/python -m pytest $(WORKERS) tests/promises

# What another version of pytest could break: the ways around an exit code, each once.
traps: $(VENV)/.test
	$(BIN)/python -m pytest $(WORKERS) tests/promises/traps tests/promises/test_exit_code.py -k "not xdist or row_15 or row_07"

# Whether the tests notice a changed decision; all of it takes a quarter of an hour, the choice about a minute.
mutations: $(VENV)/.test
	$(BIN)/python tests/benchmarks/mutation.py

mutations-fast: $(VENV)/.test
	$(BIN)/python tests/benchmarks/mutation.py --fast

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/.gates
	$(BIN)/rollout lock gates

benchmarks: $(VENV)/.test
	$(BIN)/python tests/benchmarks/overhead.py
	$(BIN)/python tests/benchmarks/sources.py
	$(BIN)/python tests/benchmarks/series_coverage.py
	$(BIN)/python tests/benchmarks/speed.py
	REPETITIONS=400 SERIES=10 $(BIN)/python tests/benchmarks/coverage.py
	$(BIN)/python tests/benchmarks/ledger.py
	$(BIN)/python tests/benchmarks/pictures.py
	$(BIN)/python tests/benchmarks/scale.py 1e7 1e8

# The versions that both targets install. No addresses of a registry are written.
constraints: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --universal --all-extras --upgrade --no-emit-index-url --no-header --no-annotate \
		--python-version 3.11 pyproject.toml --output-file constraints.txt

clean:
	rm -rf $(VENV) .rollout allure-results allure-report .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(if $(PYTEST),(grep -v '^pytest==' constraints.txt; echo 'pytest==$(PYTEST)') > $(VENV)/constraints.txt)

$(VENV)/.gates: $(VENV)/bin/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[duckdb,machine,scrape]'
	@touch $@

$(VENV)/.report: $(VENV)/.gates
	$(INSTALL) --editable '.[duckdb,machine,scrape,allure]'
	@touch $@

$(VENV)/.test: $(VENV)/.gates
	$(INSTALL) --editable '.[dev]'
	@touch $@
