# make serve: a service to try, at once.   make test: everything that is checked.   The rest: CONTRIBUTING.md.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
BIN := .venv/bin
# Marks in one .venv: what serves is there; and so is what works on it; and so is what checks deploy/.
SERVING := .venv/.serving
READY := .venv/.ready
DEPLOYING := .venv/.deploying
# And a fourth: that what serves runs the statements that stand in the modules, and not older ones (`make statements`).
IN_STEP := .venv/.in-step

# Another environment that happens to be active has no say here. Nor has a container that keeps nothing compiled: tests start the command
# hundreds of times, and compiling it anew is a third of each start.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help serve test lint types unit faults soak format statements bench bench-peers lock release deploy-checks

help:
	@echo "make serve   sets up, migrates and serves in dev mode on SQLite"
	@echo "make test    sets up, then runs lint, types, import contracts and all tests"
	@echo "make faults  runs the long forms of tests: more kills, more fuzz, every picture"
	@echo "make soak    keeps a node busy for SOAK_MINUTES ($(SOAK_MINUTES)) on each database, through a restart and stalls, and looks for leaks and losses"
	@echo "make bench   measures the service beside what it can be at best; make bench-peers beside others, which it installs"
	@echo "make deploy-checks renders the Helm chart, holds it against Kubernetes' schemas, and lints the Dockerfile"
	@echo "make release builds the wheels, sources, and the list of what is in them, in dist/"
	@echo "also: lint, types, unit (the tests alone), format, statements, lock"

# Elsewhere: make serve PORT=9000 DATA=/path/to/folder
PORT ?= 8000
DATA ?= lingpai-data
serve: $(SERVING) $(IN_STEP)
	$(BIN)/lingpai serve --dev --port $(PORT) --data $(DATA)

test: $(READY)
	@$(BIN)/python tools/parts.py "$(MAKE)" lint types unit

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo

types: $(READY)
	$(BIN)/mypy

unit: $(READY)
	$(BIN)/pytest -n 2 --dist worksteal --durations 15

faults: $(READY)
	$(BIN)/pytest -n 2 --dist worksteal --durations 15 -m long

# What these need is large, and none of it is needed for anything else. The rest of deploy/ is checked by `make test`.
deploy-checks: $(DEPLOYING)
	$(BIN)/pytest tests/deploy -m deploy

SOAK_MINUTES ?= 30
soak: $(READY)
	$(BIN)/pytest tests/faults/test_soak.py --soak $(SOAK_MINUTES)

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# What `src/lingpai/store` writes in SQLAlchemy, compiled for both databases.
statements: $(READY)
	$(BIN)/python tools/statements.py

bench: $(READY)
	$(BIN)/python bench/run.py
	$(BIN)/python bench/costs.py
	$(BIN)/python bench/overload.py
	$(BIN)/python bench/captchas.py
	$(BIN)/python bench/tokens.py
	$(BIN)/python bench/questions.py
	$(BIN)/python bench/sizes.py
	$(BIN)/python bench/starts.py

# Beside others, each at the version that bench/peers pins: by pip, and with Node.js by npm.
bench-peers: $(READY)
	$(BIN)/python bench/compare.py

# CONTRIBUTING.md, "A release".
release: $(READY)
	@$(BIN)/python tools/release.py

# Seven locks, six of them one of another: what runs, the same with every extra, what builds our wheel, here and in the image, what works on
# it, and what checks deploy/; and the peers that a bench measures, which have an environment of their own.
# Versions stay where they are unless pyproject.toml asks otherwise; `make lock UPGRADE=--upgrade` moves them all.
COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 $(UPGRADE)
lock: $(READY)
	$(COMPILE) --output-file requirements.lock pyproject.toml
	$(COMPILE) --output-file requirements-extras.lock --constraint requirements.lock --all-extras pyproject.toml
	$(COMPILE) --output-file requirements-build.lock --constraint requirements.lock --group pyproject.toml:build
	$(COMPILE) --output-file deploy/docker/requirements-build.lock --constraint requirements.lock --constraint requirements-build.lock --group pyproject.toml:image
	$(COMPILE) --output-file requirements-dev.lock --constraint requirements-extras.lock --constraint requirements-build.lock --all-extras --group dev pyproject.toml
	$(COMPILE) --output-file requirements-deploy.lock --constraint requirements-dev.lock --group pyproject.toml:deploy
	$(COMPILE) --output-file bench/peers/requirements.lock bench/peers/requirements.in

# Compiling all modules takes a third of the time; a first start compiles the few that it needs.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
LOCKED := $(INSTALL) --only-binary :all: --require-hashes

# Argon2 is the limit of the whole service, and one for processors with AVX2 is nearly twice as quick as the published one. Where there is such
# a processor and a compiler, it is built while the rest is installed, and deploy/argon2.pth chooses between the two at each start.
ARGON2 := .venv/argon2
BUILT := $(ARGON2)/argon2_cffi_bindings-$(shell sed -n 's/^argon2-cffi-bindings==\([0-9.]*\).*/\1/p' requirements.lock).dist-info
BUILD_ARGON2 := PYTHON=$(BIN)/python deploy/docker/build-argon2 requirements.lock deploy/docker/requirements-build.lock $(ARGON2)

# The build back end is locked too, so that building our own package fetches nothing that has no hash.
$(SERVING): requirements.lock requirements-build.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit(1)' 2>/dev/null || { echo "Lingpai needs Python 3.11 or newer; $(PYTHON) is not. Say which one: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up .venv (once, and when the locked versions change)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@[ -d $(BUILT) ] || rm -rf $(ARGON2)
	@if [ ! -d $(ARGON2) ] && grep -qsw avx2 /proc/cpuinfo; then $(BUILD_ARGON2) >.venv/argon2.log 2>&1 & fi; \
	$(LOCKED) --requirement requirements.lock --requirement requirements-build.lock \
	&& $(INSTALL) --no-deps --no-build-isolation --editable .; installed=$$?; wait; exit $$installed
	@if [ -d $(BUILT) ]; then \
		cp deploy/argon2.pth "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')"; \
	elif [ -s .venv/argon2.log ]; then \
		echo "Argon2 serves as published: it could not be built for this processor, which would make logins nearly twice as quick."; \
		echo ".venv/argon2.log says why; once that is mended: rm $@, and make again (docs/production.md, \"Faster hashing\")."; \
	fi
	@touch $@

$(IN_STEP): $(SERVING) tools/statements.py $(shell find src/lingpai/store src/lingpai/ephemeral -name '*.py')
	@$(BIN)/python tools/statements.py --check
	@touch $@

# Everything comes as a wheel but these parts of Aliyun's SDK (a test checks our signatures against it), which have none.
SOURCES := alibabacloud-credentials-api,alibabacloud-gateway-spi,alibabacloud-tea

$(READY): $(SERVING) requirements-dev.lock testing/pyproject.toml
	@echo "Adding to .venv what tests it"
	@sed -n '/^setuptools==/,/[^\\]$$/p' requirements-dev.lock > .venv/setuptools.lock
	@$(LOCKED) --requirement .venv/setuptools.lock
	@$(LOCKED) --no-binary $(SOURCES) --no-build-isolation --requirement requirements-dev.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable testing
# By all cores at once; a few modules that are meant for another Python do not compile.
	@$(BIN)/python -m compileall -qq -j 0 .venv/lib >/dev/null || :
	@touch $@

$(DEPLOYING): $(READY) requirements-deploy.lock
	@echo "Adding to .venv what checks deploy/"
	@$(LOCKED) --requirement requirements-deploy.lock
	@touch $@
