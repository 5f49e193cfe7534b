# The words of this house. Needs only Python >= 3.11 (with venv and pip) and make: no root, no compiler.
#
#   make demo                 play: a server, 200 bots, a page to watch (DEMO_SECONDS=30 ends by itself)
#   make test | check         what CI runs; make test-long runs the long tests, too
#
# Everything is installed into .venv, once; setup is skipped while nothing it reads has changed.

PYTHON  ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
VENV    ?= .venv
PY      := $(VENV)/bin/python
PIP     := $(PY) -m pip --disable-pip-version-check
RUNTIME := $(VENV)/.runtime.stamp
DEV     := $(VENV)/.dev.stamp
PROCESSES ?= 3
SEED    ?= 1
SEEDS   ?= 10000
BOTS    ?= 80000
SECONDS ?= 300
EVERY   ?= 10
STORE   ?= sqlite
SOAK_STORE := $(if $(filter command% environment%,$(origin STORE)),$(STORE),postgresql)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long check format bench bench-80k sim sim-many soak golden balance docs docs-site keep-rules restore-drill lock clean drill chaos chaos-list

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

$(PY):
	@test -n "$(PYTHON)" || { echo "DungeonFighter needs Python 3.11 or newer with venv and pip (Debian: apt install python3-venv)."; \
	  echo "Say which one with: make PYTHON=/path/to/python3"; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements/runtime.txt requirements/build.txt pyproject.toml | $(PY)
	@echo "installing what the game needs (exact versions, checked by hash)"
	@$(PIP) install --quiet --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): requirements/dev.txt $(RUNTIME) | $(PY)
	@echo "installing what the tests need (exact versions, checked by hash)"
	@$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

setup: $(RUNTIME) $(DEV) ## install into .venv (quick when nothing changed)

demo: $(RUNTIME) ## server + 200 playing bots + watch page; DEMO_SECONDS=30 ends by itself
	@$(PY) -m dungeonfighter demo

test: $(DEV) ## the short tests, 3 at a time (PROCESSES=N); TESTS=path runs every test at that path
	@$(PY) -m pytest -n $(PROCESSES) --dist worksteal $(if $(TESTS),$(TESTS),-m "not long")

test-long: $(DEV) ## all tests, short and long
	@$(PY) -m pytest -n $(PROCESSES) --dist worksteal

check: $(DEV) ## formatter, linter, types, shell scripts, layers, sizes, prose
	@for script in .ci/run .ci/parts/*; do bash -n "$$script" || exit 1; done
	@$(VENV)/bin/shellcheck --external-sources --source-path=SCRIPTDIR .ci/run .ci/parts/* deploy/kubernetes/jobs/*/*.sh
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(PY) -m pytest -q -n $(PROCESSES) tests/unit/house

format: $(DEV) ## let the formatter and the linter repair what they can
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

bench: $(DEV) ## every figure this project promises, measured here and now: about 10 minutes
	@test -f bench/__main__.py || { echo "there is no bench/ in this version"; exit 1; }
	@$(PY) -m bench

bench-80k: $(DEV) ## 80,000 connected bots, 5 minutes, every turn checked (quick try: BOTS=2000 SECONDS=20)
	@$(PY) -m bench.eighty --bots $(BOTS) --seconds $(SECONDS) --every $(EVERY) $(ARGS)

drill: $(DEV) ## a fault under playing bots, to repair with docs/runbook.md; FAULT=NAME stages one, without it they are listed
	@$(PY) -m drills $(FAULT) $(if $(MINUTES),--minutes $(MINUTES))

chaos: $(DEV) ## faults under playing bots, every turn checked; SCENARIO=NAME SEED=N runs one (needs root)
	@$(PY) -m chaos $(SCENARIO) --seed $(SEED)

chaos-list: $(DEV) ## the scenarios of make chaos
	@$(PY) -m chaos --list

sim: $(DEV) ## one simulation of everything failing at once: make sim SEED=7
	@$(PY) -m tests.simulation --seed $(SEED)

sim-many: $(DEV) ## 10,000 simulations and the states that they visited; Ctrl-C, and a repeat goes on (SEEDS=N, PROCESSES=N)
	@$(PY) -m tests.simulation.many --seeds $(SEEDS) --processes $(PROCESSES)

soak: $(DEV) ## does a server stay flat? a million bots an hour come and go (MINUTES=60, STORE=sqlite)
	@$(PY) -m soak --minutes $(or $(MINUTES),60) --store $(SOAK_STORE)

balance: $(RUNTIME) ## measure the rules and write docs/balance.md: hours; ARGS="--seeds 0-39 --fewer 8" is a quick look
	@$(PY) -m dungeonfighter lab report $(ARGS)

golden: $(DEV) ## write the golden playthroughs anew; then read the diff
	@$(PY) -m tests.golden
	@git --no-pager diff --stat -- tests/golden

restore-drill: $(DEV) ## back up, destroy, restore, play on; prints what is lost and for how long (STORE=postgresql)
	@$(PY) -m tests.integration.restore_drill $(STORE)

docs: $(DEV) ## write docs/settings.md, docs/metrics.md, docs/*.schema.json and the dashboard anew
	@$(PY) -m testkit.settings_reference
	@$(PY) -m testkit.schemas
	@$(PY) -m testkit.prometheus_rule
	@$(PY) -m tests.metrics_document
	@$(PY) -m testkit.dashboard
	@echo "make docs-site builds the site of all documents"

docs-site: $(DEV) ## all documents as a site with search, in build/docs-site/site; fails at a broken link
	@.ci/parts/docs-site
	@$(PY) -m testkit.docs_site build/docs-site
	@.parts/docs/bin/zensical build --strict --clean --config-file build/docs-site/zensical.toml
	@echo "open build/docs-site/site/index.html"

keep-rules: $(RUNTIME) ## before content changes in a release: keep today's for the runs begun under it
	@cd src/dungeonfighter/rules/catalog && mkdir -p previous && cp -r content "previous/$$($(CURDIR)/$(PY) -c 'from dungeonfighter.rules import load_rules; print(load_rules().identity)')"

lock: ## write requirements/*.txt anew from *.in (needs uv), and the list of Node.js packages (needs npm)
	@for name in runtime image build dev peers parts network clients adapters docs; do uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header --no-emit-index-url --no-emit-find-links \
	  $$(test $$name = dev && echo "-c requirements/runtime.txt -c requirements/build.txt") \
	  $$(test $$name = peers -o $$name = image && echo "-c requirements/runtime.txt") \
	  requirements/$$name.in -o requirements/$$name.txt || exit 1; done
	@cd requirements/node && npm install --package-lock-only --ignore-scripts --no-audit --no-fund \
	  --omit-lockfile-registry-resolved
	@cd requirements/node && node -e 'const fs = require("fs"), list = JSON.parse(fs.readFileSync("package-lock.json")); for (const one of Object.values(list.packages)) delete one.funding; fs.writeFileSync("package-lock.json", JSON.stringify(list, null, 2) + "\n")'

clean: ## remove the venv, caches and the demo's database
	rm -rf $(VENV) .parts .demo .drill .chaos .lab .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
