# A fresh machine needs Python 3.11 or newer and make; the first command that needs more installs it into .venv.
PYTHON ?= python3
ARGS ?=
BUILD_IMAGE ?= ../shared/tools/build-image
IMAGE ?= connector-hub

BIN := .venv/bin
# A stamp's name is the content it was made from: another lock makes .venv anew, another pyproject.toml installs the
# project into it again.
LOCKED := .venv/.locked-$(shell cat requirements-dev.lock | cksum | tr ' ' -)
STAMP := .venv/.project-$(shell cat requirements-dev.lock pyproject.toml | cksum | tr ' ' -)
JUPYTER := .cache/jupyter/.installed-$(shell cat tests/programs/jupyter.lock | cksum | tr ' ' -)
JUPYTERHUB := .cache/jupyterhub/.installed-$(shell cat tests/programs/jupyterhub.lock | cksum | tr ' ' -)
KINTO := .cache/kinto/.installed-$(shell cat tests/programs/kinto.lock | cksum | tr ' ' -)
PYGEOAPI := .cache/pygeoapi/.installed-$(shell cat tests/programs/pygeoapi.lock | cksum | tr ' ' -)
AUTHLIB := .cache/authlib/.installed-$(shell cat tests/broker/authlib/authlib.lock | cksum | tr ' ' -)
FASTMCP := .cache/fastmcp/.installed-$(shell cat tests/interop/fastmcp.lock | cksum | tr ' ' -)
SERVERS := .cache/servers/.installed-$(shell cat tests/servers/programs/servers.lock | cksum | tr ' ' -)
PACKAGES := $(wildcard tests/interop/package-lock.json tests/browser/package-lock.json \
	tests/broker/oidc/package-lock.json tests/importers/package-lock.json tests/servers/programs/package-lock.json)
PIP := -m pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: help install serve test lint types check descriptions conformance browser bench scale crowd soak fuzz mutations programs docker lock clean

help:
	@echo "make serve        the hub on this machine (make serve ARGS='--port 9000')"
	@echo "make test         the tests (make test ARGS='-k name' WORKERS=0)"
	@echo "make check        lint, format, types and tests: what a change must pass"
	@echo "make descriptions real API descriptions imported, and their requests judged by Prism (HUB_SPECS=FOLDER)"
	@echo "make conformance  the protocol's conformance suite against the hub (needs npm)"
	@echo "make browser      people and clients with a real Chromium; pictures of every page in build/pages"
	@echo "make bench        what the hub adds to a plain aiohttp handler, in one table (make bench ARGS=--quick)"
	@echo "make scale        200 connectors with 4,000 tools: how soon the hub is ready, how much it takes"
	@echo "make crowd        1,000 calls in flight, 5,000 idle streams"
	@echo "make soak         mixed load at 80 % of what the hub can (make soak DURATION=1800)"
	@echo "make fuzz         10,000 made-up requests for each door (make fuzz REQUESTS=1000)"
	@echo "make mutations    deliberate faults in the authorization code, each of which a test must notice"
	@echo "make programs     the third-party programs that some tests talk to"
	@echo "make docker       builds the image, measures it and tests it as it runs"
	@echo "make lock         the lock files, after a change to pyproject.toml"
	@echo "make install      .venv only;  make clean  removes what make made"

install: $(STAMP)

$(LOCKED):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
		{ echo "This Python cannot make environments; on Debian install python3-venv." >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python $(PIP) -r requirements-dev.lock
	@touch $@

$(STAMP): $(LOCKED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@rm -f .venv/.project-*
	@touch $@

serve: $(STAMP)
	$(BIN)/hub serve $(ARGS)

# A file's tests stay together, the longest begin (tests/schedule.py). WORKERS=0 runs all in one process, as a debugger needs it.
WORKERS ?= 2
test: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

check: lint types
	$(MAKE) test

# Needs real descriptions, in ../shared/specs or where HUB_SPECS says.
descriptions: $(STAMP)
	$(BIN)/python -m pytest tests/importers/test_descriptions.py $(ARGS)
	HUB_JUDGED=all $(BIN)/python -m pytest tests/importers/test_prism.py $(ARGS)

conformance: $(STAMP)
	$(BIN)/python tests/conformance/run.py $(ARGS)
	$(BIN)/python -m tests.conformance.authorization

# Needs Chromium, and what make programs installs.
browser: $(STAMP)
	@mkdir -p build/pages
	HUB_PICTURES=build/pages $(BIN)/python -m pytest tests/browser $(ARGS)

# Needs Node and FastMCP as make programs installs them; without FastMCP its rows are left out.
bench: $(STAMP)
	$(BIN)/python bench/run.py $(ARGS)

scale: $(STAMP)
	$(BIN)/python bench/scale.py $(ARGS)

# Both need Node, as make programs installs it, for the app behind the hub.
crowd: $(STAMP)
	$(BIN)/python bench/crowd.py $(ARGS)

DURATION ?= 180
soak: $(STAMP)
	$(BIN)/python bench/soak.py --duration $(DURATION) $(ARGS)

REQUESTS ?= 10000
fuzz: $(STAMP)
	HUB_FUZZ=$(REQUESTS) $(BIN)/python -m pytest tests/fuzz $(ARGS)

mutations: $(STAMP)
	$(BIN)/python -m tests.mutations.run $(ARGS)

# Tests that need one of these skip without it; HUB_CI=1 turns such a skip into a failure (tests/skips.txt).
programs: $(JUPYTER) $(JUPYTERHUB) $(KINTO) $(PYGEOAPI) $(AUTHLIB) $(FASTMCP) $(SERVERS) \
		$(patsubst %/package-lock.json,%/node_modules/.installed,$(PACKAGES))
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
		echo "chromium is not on PATH: install your system's package for the tests with a browser." >&2
	@command -v prometheus >/dev/null || \
		echo "prometheus is not on PATH: install your system's package for the tests that talk to it." >&2
	@PATH="$$PATH:/usr/sbin"; command -v pdns_server >/dev/null || \
		echo "pdns_server is not on PATH: install pdns-server and pdns-backend-lmdb for the tests that talk to it." >&2

$(JUPYTER): tests/programs/jupyter.lock
	$(PYTHON) -m venv --clear .cache/jupyter
	.cache/jupyter/bin/python $(PIP) -r $<
	@touch $@

$(JUPYTERHUB): tests/programs/jupyterhub.lock
	$(PYTHON) -m venv --clear .cache/jupyterhub
	.cache/jupyterhub/bin/python $(PIP) -r $<
	@touch $@

$(KINTO): tests/programs/kinto.lock
	$(PYTHON) -m venv --clear .cache/kinto
	.cache/kinto/bin/python $(PIP) -r $<
	@touch $@

$(PYGEOAPI): tests/programs/pygeoapi.lock
	$(PYTHON) -m venv --clear .cache/pygeoapi
	.cache/pygeoapi/bin/python $(PIP) -r $<
	@touch $@

$(AUTHLIB): tests/broker/authlib/authlib.lock
	$(PYTHON) -m venv --clear .cache/authlib
	.cache/authlib/bin/python $(PIP) -r $<
	@touch $@

$(FASTMCP): tests/interop/fastmcp.lock
	$(PYTHON) -m venv --clear .cache/fastmcp
	.cache/fastmcp/bin/python $(PIP) -r $<
	@touch $@

$(SERVERS): tests/servers/programs/servers.lock
	$(PYTHON) -m venv --clear .cache/servers
	.cache/servers/bin/python $(PIP) -r $<
	@touch $@

%/node_modules/.installed: %/package-lock.json
	cd $* && npm ci --no-audit --no-fund
	@touch $@

# Builds, measures and starts the image. Where BUILD_IMAGE is no program, Docker builds it.
docker: $(STAMP)
	BUILD_IMAGE="$(wildcard $(BUILD_IMAGE))" IMAGE="$(IMAGE)" $(BIN)/python tests/docker/run.py $(ARGS)

COMPILE = $(BIN)/uv --no-config pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header
lock: $(STAMP)
	$(COMPILE) pyproject.toml --output-file requirements.lock
	$(COMPILE) pyproject.toml --extra dev --constraint requirements.lock --output-file requirements-dev.lock
	$(COMPILE) tests/programs/jupyter.in --output-file tests/programs/jupyter.lock
	$(COMPILE) tests/programs/jupyterhub.in --output-file tests/programs/jupyterhub.lock
	$(COMPILE) tests/programs/kinto.in --output-file tests/programs/kinto.lock
	$(COMPILE) tests/programs/pygeoapi.in --output-file tests/programs/pygeoapi.lock
	$(COMPILE) tests/broker/authlib/authlib.in --output-file tests/broker/authlib/authlib.lock
	$(COMPILE) tests/interop/fastmcp.in --output-file tests/interop/fastmcp.lock
	$(COMPILE) tests/servers/programs/servers.in --output-file tests/servers/programs/servers.lock

clean:
	rm -rf .venv .cache build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		tests/conformance/node_modules tests/interop/node_modules tests/browser/node_modules tests/broker/oidc/node_modules \
		tests/importers/node_modules tests/servers/programs/node_modules
