# Everything is done through these; `make` alone lists them.
PYTHON ?= python3
EXTRA  ?= cpu
PORT   ?= 8501
BIN    := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install demo test quick lint coverage bench torture browser clean

help: ## list what can be done
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: .venv/installed ## make .venv with everything needed (EXTRA=gpu for FAISS on a GPU)

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; say which with: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is missing; on Debian it is the package python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRA),dev]'
	@touch $@

demo: install ## build three demo collections and open the pages on 127.0.0.1:8501 (PORT=8502 for another port)
	@$(BIN)/python -c 'import indexer, searchapp, typer, ui' 2>/dev/null || { echo "The installation in .venv is not whole: run make clean, then make demo again."; exit 1; }
	@$(BIN)/searchapp demo --port $(PORT) || { status=$$?; test $$status -eq 130 || exit $$status; }

test: install browser ## run every test (under 10 minutes on 2 cores), those of the catalog on PostgreSQL too; DATABASE=postgresql: every test on it
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder
	$(if $(DATABASE),,DATABASE=postgresql $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m catalog $$(grep -rl --include='test_*.py' 'mark.catalog' tests))

quick: install ## run the tests that need neither torch nor child processes, in seconds
	$(BIN)/pytest -m "not slow and not data and not torture"

lint: install ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

coverage: install browser ## branch coverage of writer, store, conditions and readers: 95 % at least
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest tests/indexer tests/test_edges.py tests/searchapp/test_conditions.py tests/searchapp/test_duplicates_export.py tests/trainer/test_sources_sql.py
	-$(BIN)/coverage combine -q
	$(BIN)/coverage report

bench: install ## run every benchmark; each prints one JSON line
	$(BIN)/python -m benchmarks.encoding
	$(BIN)/python -m benchmarks.index
	$(BIN)/python -m benchmarks.memory --rows 10000,100000,500000
	$(BIN)/python -m benchmarks.search --home bench-home
	$(BIN)/python -m benchmarks.quality --home bench-home
	$(BIN)/python -m benchmarks.prepare --rows 10000,100000,1000000
	$(BIN)/python -m benchmarks.filters_speed
	$(BIN)/python -m benchmarks.consistency --rows 10000
	$(BIN)/python -m benchmarks.negation

browser: ## find Chromium for the tests of the pages, or install it where that can be done
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || \
	  { echo "The tests of the pages need Chromium, which is not here and cannot be installed without root: install the package chromium, then run this again."; exit 1; }

torture: install browser ## the long trials in full: kills, damage, 10 000 generated inputs of each kind
	TORTURE=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --timeout 7200 --durations 60

clean: ## remove what was built, the environment included
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
