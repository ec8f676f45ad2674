# Two commands do everything on a fresh machine with Python >= 3.10, make and git:
#     make train      make test
# Both set up .venv when setup.cfg, pyproject.toml or constraints.txt changed, and only then.

PYTHON ?= python3
VENV ?= .venv
# Where torch comes from: empty = pip's default index. Set it to the CPU or CUDA index that pytorch.org names
# for your machine (on Linux the default index brings the CUDA build).
TORCH_INDEX ?=
# Hydra overrides for `make train`, arguments for `make test`.
ARGS ?=
EXPERIMENT ?= shapes_quickstart
# Versions of numpy that setup.cfg and constraints.txt allow besides the one of this Python: the oldest, and that of Python 3.10.
NUMPY ?= 1.26.4 2.2.6
# Processes that run the tests, one thread each.
JOBS ?= 2

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# byte code is written at first import, for the files that are used
INSTALL := $(PIP) install -q --no-compile
INPUTS := setup.cfg setup.py pyproject.toml constraints.txt $(wildcard ccnn_pc/native/src/*)
CHECKED := ccnn_pc datasets configs tests scripts

.PHONY: help train test test-torch test-numpy wheel lint types docs test-docs clean
.DEFAULT_GOAL := help

help:
	@echo "make train   set up $(VENV) where needed, train experiment=$(EXPERIMENT)  (ARGS='trainer.max_epochs=5 seed=1')"
	@echo "make test    set up $(VENV) where needed, run the fast suite and the doctests  (ARGS='-k window')"
	@echo "make test-torch  the tests of the convolution without the operators in C++"
	@echo "make test-numpy  the tests of data sets with numpy $(NUMPY)"
	@echo "make wheel   dist/*.whl with the operators in C++ for all instruction sets"
	@echo "make lint    ruff"
	@echo "make types   mypy"
	@echo "make docs    the site of docs/, strictly, into site/"
	@echo "make test-docs  the site in a browser (chromium), every notebook"
	@echo "make clean   remove $(VENV), caches and builds (never runs/ or data/)"
	@echo
	@echo "variables:   PYTHON=$(PYTHON)  VENV=$(VENV)  EXPERIMENT=$(EXPERIMENT)  ARGS=$(ARGS)"
	@echo "             TORCH_INDEX=$(TORCH_INDEX)  (index URL of the CPU or CUDA builds of torch, see pytorch.org)"

train: $(VENV)/.ready-train
	$(BIN)/ccnn-pc train experiment=$(EXPERIMENT) $(ARGS)
	@command -v ccnn-pc > /dev/null || echo "ccnn-pc is not on the path yet:  . $(BIN)/activate"

test: $(VENV)/.ready-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal ccnn_pc tests $(ARGS)

# Operators of torch calls, which run where no compiler was.
test-torch: $(VENV)/.ready-test
	CCNN_PC_NATIVE=0 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile \
		tests/ops/points tests/domains/points tests/domains/series tests/nn $(ARGS)

wheel: $(VENV)/.ready-test
	$(PIP) wheel -q --no-deps --no-build-isolation -w dist .
	@ls dist/*.whl

# A reader that relies on what one numpy does reads other numbers under another. (Tables need a pandas of their own.)
test-numpy: $(NUMPY:%=$(VENV)/numpy-%)
	for numpy in $^; do \
		PYTHONPATH=$$numpy OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile \
			tests/datasets --ignore tests/datasets/tables $(ARGS) || exit 1; \
	done

$(VENV)/numpy-%: $(VENV)/.ready-test
	$(INSTALL) --no-deps --upgrade --target $@ numpy==$*

lint: $(VENV)/.ready-test
	$(BIN)/ruff check $(CHECKED)

types: $(VENV)/.ready-test
	$(BIN)/mypy

# The site; nothing in it comes from another server.
docs: $(VENV)/.ready-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "to read it: $(BIN)/python -m http.server -d site, then http://localhost:8000"

test-docs: docs
	CCNN_PC_SITE=site OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(JOBS) -m 'slow or not slow' tests/site $(ARGS)

clean:
	rm -rf $(VENV) build dist site .mypy_cache .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# torch first, on its own: pinned, from the index that was asked for, so that nothing later pulls another build.
$(VENV)/.ready-torch: $(INPUTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "Python 3.10 or newer is needed: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
		|| { echo "no virtual environment: on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 1; }
	$(INSTALL) -c constraints.txt setuptools wheel
	$(INSTALL) -c constraints.txt $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	@touch $@

$(VENV)/.ready-train: $(VENV)/.ready-torch
	$(INSTALL) -c constraints.txt --no-build-isolation -e '.[train,mesh,tables]'
	@touch $@

# the extra all
$(VENV)/.ready-test: $(VENV)/.ready-torch
	$(INSTALL) -c constraints.txt --no-build-isolation -e '.[all]'
	@touch $@ $(VENV)/.ready-train

$(VENV)/.ready-docs: $(VENV)/.ready-test
	$(INSTALL) -c constraints.txt --no-build-isolation -e '.[all,docs]'
	@touch $@
