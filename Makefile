# Every target sets itself up in .venv first, on any machine that has Python 3.11 or newer.
# Packages come from wherever your own pip is configured to look.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# A path that leads to other packages than the pinned ones would change what is tested.
unexport PYTHONPATH PYTHONHOME

VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
PEERS := .venv-peers
PEERS_OF := tests/bench/peers/requirements
RELEASE := .venv-release
PHOENIX := .venv-phoenix
IMAGE := .venv-image
LOCKS := requirements.lock infra/requirements.lock infra/build.lock infra/release.lock \
  infra/fleet-java.lock \
  localstack/requirements.lock tests/bench/peers/requirements.lock
# All but fleet-java, whose 33 MB only its users need.
EXTRAS := demo dev fleet otlp pinecall twilio
PYTEST := $(PY) -m pytest -n 2
PINNED := $(RELEASE)/bin/uv pip compile --quiet --universal --python-version 3.11 \
  --generate-hashes --no-header --no-annotate
PIP := $(PY) -m pip -qq --no-input --disable-pip-version-check

CANDIDATES := python3.11 python3.12 python3.13 python3.14 python3
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
CAN_MAKE_VENVS := import ensurepip, venv

.PHONY: help run test test-quick check bench exactness soak mutants pictures otlp-look lock dist sbom audit clean
.PHONY: fleet test-fleet localstack localstack-run localstack-stop

help: ## What there is
	@echo "make TARGET, where TARGET is one of:"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' Makefile
	@echo "Each sets itself up in $(VENV). To choose the Python: make PYTHON=/path/to/python3 TARGET"

run: $(READY) ## The worker at its main job: simulated calls, an embedded AWS, tables at the end
	@$(PY) -m worker demo

# Exit code 3: this machine can't have LocalStack, and a line says what is missing.
test: check ## Everything: what check does, then all tests
	@localstack/host.sh setup $(PY) || \
	  { [ $$? -eq 3 ] && echo "so the tests against LocalStack are left out (in CI they fail)" >&2; }
	@tests/fleet/setup.sh || \
	  { [ $$? -eq 3 ] && echo "so the test of a whole fleet is left out (in CI it fails)" >&2; }
	@tests/page/setup.sh || \
	  { [ $$? -eq 3 ] && echo "so the tests in a browser are left out (in CI they fail)" >&2; }
	@$(PYTEST)

pictures: $(READY) ## Pictures of the page, two of them for the README (needs Chromium and Node)
	@tests/page/setup.sh
	@$(PY) -m tests.page.pictures docs

fleet: $(READY) ## Two tasks share a stream, one is killed: what CloudWatch then holds (three minutes)
	@$(PY) -m tests.fleet.show

# Exit code 3: this machine can't have the Kinesis for Node, and a line says what is missing.
test-fleet: $(READY) ## A fleet that is killed, stopped and resharded (ENGINE=kcl-rs|daemon; ten minutes)
	@tests/fleet/setup.sh
	@$(if $(filter daemon,$(ENGINE)),$(PIP) install --require-hashes -r infra/fleet-java.lock)
	@FLEET_ENGINE=$(or $(ENGINE),kcl-rs) $(PY) -m pytest -s tests/fleet/test_integration.py

localstack: $(READY) ## LocalStack on 127.0.0.1:4566, in the background (needs Node, not docker)
	@localstack/host.sh setup $(PY)
	@localstack/host.sh start

localstack-run: localstack ## The worker and its page against LocalStack, fed with calls (PLATFORM=twilio|pinecall|both, PORT=8080)
	@PLATFORM=$(PLATFORM) PORT=$(PORT) localstack/run.sh

localstack-stop: ## End what make localstack has started
	@localstack/host.sh stop

test-quick: $(READY) ## The tests that take no more than a minute together
	@$(PYTEST) -m "not slow"

check: $(READY) ## Lint, format and types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

bench: $(READY) $(PEERS)/.ready ## Figures beside other programs' (half an hour; QUICK=1, CASES="a b-work", ROUNDS=9, AGAINST=FOLDER)
	@$(PY) -m tests.bench --peers $(PEERS)/bin/python $(if $(AGAINST),--against $(AGAINST)) \
	  $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(QUICK),--quick,--json docs/bench.json) $(CASES)

exactness: $(READY) ## How exact published metrics are, and how long they wait (QUICK=1, AGAINST=FOLDER)
	@$(PY) -m tests.bench.exactness $(if $(QUICK),--quick) $(if $(AGAINST),--against $(AGAINST))

soak: $(READY) ## The worker on live traffic for hours: is what it takes flat? (DURATION=3h, OUT=FOLDER)
	@$(PY) -m tests.bench.soak $(if $(DURATION),--duration $(DURATION)) $(if $(OUT),--out $(OUT))

mutants: $(READY) ## Faults put into the worker, and which of them no test notices (NUMBER=200, SEED=1)
	@nice $(PY) -m tests.mutants $(if $(NUMBER),--number $(NUMBER)) $(if $(SEED),--seed $(SEED))

otlp-look: $(READY) $(PHOENIX)/.ready ## The worker's traces in Arize Phoenix, until Ctrl-C (fetches 850 MB)
	@$(PY) -m tests.otlp_look --program $(PHOENIX)/bin/phoenix --folder .phoenix

lock: $(RELEASE)/.ready ## Pin the newest dependencies (for maintainers)
	@$(PINNED) --upgrade $(EXTRAS:%=--extra %) --output-file requirements.lock pyproject.toml
	@$(PINNED) --upgrade --output-file $(PEERS_OF).lock $(PEERS_OF).in
	@$(PINNED) -c requirements.lock --extra otlp --extra pinecall --extra fleet \
	  --output-file infra/requirements.lock pyproject.toml
	@$(PINNED) -c requirements.lock --extra fleet-java \
	  --output-file infra/fleet-java.lock pyproject.toml
	@$(PINNED) -c requirements.lock --output-file infra/build.lock infra/build.in
	@$(PINNED) --upgrade --output-file infra/release.lock infra/release.in

dist: $(READY) ## Wheel and source archive of this release, in dist/
	@rm -rf dist
	@$(PY) -m hatchling build -d dist

sbom: dist $(RELEASE)/.ready ## What the image installs, as CycloneDX, in dist/ (docs/releases.md)
	@rm -rf $(IMAGE)
	@$(PY) -m venv --without-pip $(IMAGE)
	@$(PIP) --python $(IMAGE) install --require-hashes -r infra/requirements.lock
	@$(PIP) --python $(IMAGE) install --no-deps --no-index dist/*.whl
	@$(RELEASE)/bin/cyclonedx-py environment --output-reproducible $(IMAGE)/bin/python \
	  --output-file dist/$$(basename dist/*.tar.gz .tar.gz).cdx.json
	@rm -rf $(IMAGE)
	@ls dist/*.cdx.json

# --strict: what can't be looked up is an error, and not passed over.
audit: $(RELEASE)/.ready ## Look all pinned packages up among the known vulnerabilities (not in CI)
	@failed=; for lock in $(LOCKS); do echo "$$lock:"; \
	  $(RELEASE)/bin/pip-audit --strict --require-hashes --disable-pip -r $$lock || failed=1; \
	done; test -z "$$failed"

clean: localstack-stop ## Remove the virtual environment, caches and the demo's output
	@rm -rf $(VENV) .venv-localstack .venv-page .localstack .phoenix $(PHOENIX) $(PEERS) $(RELEASE) $(IMAGE) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis demo-output
	@find worker tests -name __pycache__ -type d -prune -exec rm -rf {} +

# $(READY) is made last, and removed before anything is changed: without it, .venv may be
# half made, so it is made again; with it, an install on top is enough.
$(READY): requirements.lock pyproject.toml
	@set -eu; \
	if [ -e $(READY) ] && $(PY) -c '' 2>/dev/null; then rm $(READY); else \
	  python=; old=; bare=; \
	  for name in $(if $(PYTHON),"$(PYTHON)",$(CANDIDATES)); do \
	    "$$name" -c '' 2>/dev/null || continue; \
	    "$$name" -c '$(NEW_ENOUGH)' || { old=$$name; continue; }; \
	    "$$name" -c '$(CAN_MAKE_VENVS)' 2>/dev/null || { bare=$${bare:-$$name}; continue; }; \
	    python=$$name; break; \
	  done; \
	  if [ -z "$$python" ]; then \
	    if [ -n "$$bare" ]; then \
	      echo "setup: $$bare can't make virtual environments; install its venv package (Debian, Ubuntu: python3-venv)"; \
	    elif [ -n "$$old" ]; then \
	      echo "setup: Python 3.11 or newer is needed, $$old is $$("$$old" --version 2>&1); name another with make PYTHON=..."; \
	    else \
	      echo "setup: Python 3.11 or newer is needed, no $(if $(PYTHON),$(PYTHON),python3) was found; name one with make PYTHON=..."; \
	    fi >&2; exit 1; \
	  fi; \
	  echo "setup: making $(VENV) with $$python ($$("$$python" --version 2>&1))"; \
	  rm -rf $(VENV); "$$python" -m venv $(VENV); \
	fi; \
	echo "setup: installing the pinned dependencies (the first time takes a minute or two)"; \
	$(PIP) install --require-hashes -r requirements.lock; \
	echo "setup: installing voice-insights"; \
	$(PIP) install --no-build-isolation --no-deps -e .; \
	touch $(READY); \
	echo "setup: done"

# What the benchmark compares with can't share the worker's packages.
$(PEERS)/.ready: $(PEERS_OF).lock $(READY)
	@echo "setup: installing what the benchmark compares with into $(PEERS)"
	@rm -rf $(PEERS)
	@$(PY) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip -qq --no-input --disable-pip-version-check \
	  install --require-hashes -r $(PEERS_OF).lock
	@touch $@

# Arize Phoenix is under the Elastic License 2.0: whoever calls the target fetches it, its newest.
$(PHOENIX)/.ready: $(READY)
	@echo "setup: installing arize-phoenix (Elastic License 2.0) into $(PHOENIX)"
	@rm -rf $(PHOENIX)
	@$(PY) -m venv $(PHOENIX)
	@$(PHOENIX)/bin/python -m pip -qq --no-input --disable-pip-version-check install arize-phoenix
	@touch $@

# Nor can what makes a release: neither the worker nor its tests need it.
$(RELEASE)/.ready: infra/release.lock $(READY)
	@echo "setup: installing what a release is made with into $(RELEASE)"
	@rm -rf $(RELEASE)
	@$(PY) -m venv $(RELEASE)
	@$(RELEASE)/bin/python -m pip -qq --no-input --disable-pip-version-check \
	  install --require-hashes -r infra/release.lock
	@touch $@
