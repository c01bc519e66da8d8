# Everything runs in a virtual environment that the first target to need it builds from requirements.lock.

PYTHON ?= python3
VENV ?= .venv
PRESET ?= pydocs
SEEDS ?=
DATA_DIR ?=
DIR ?=
SCALE ?= 1
N ?=
FLAGS ?=
SLOW ?=
MINUTES ?=
UPGRADE ?=
PEERS ?=
# The plain package index brings torch with CUDA: gigabytes, and its cuDNN is written over the one of
# `tensorflow[and-cuda]`. On a GPU machine name an index of torch's CPU builds here.
EXTRA_INDEX ?=

BIN = $(VENV)/bin
# The other tools that are measured want other versions than ours.
PEERS_VENV = .venv-peers
PIP_FLAGS = -qq --no-input --disable-pip-version-check $(if $(EXTRA_INDEX),--extra-index-url $(EXTRA_INDEX))

tables = $(BIN)/python -m lce_tf.tables $(1) --preset $(PRESET) $(if $(SEEDS),--seeds $(SEEDS)) \
  $(if $(DATA_DIR),--data-dir $(DATA_DIR)) $(FLAGS)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow lint table1 table2 table3 table4 tables fuzz chaos bench bench-gpu tricks full-size lock wheel clean

help: ## Show this
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "Variables, as in make table1 PRESET=smoke (now):"
	@echo "  PYTHON=$(PYTHON)       the Python to build the environment with: 3.11, 3.12 or 3.13"
	@echo "  VENV=$(VENV)           where the environment is built"
	@echo "  PRESET=$(PRESET)        data, backbone and settings of the tables: pydocs, or smoke for a trial in minutes"
	@echo "  SEEDS=$(SEEDS)               seeds of the tables, as in SEEDS=1,2,3: mean and spread"
	@echo "  DATA_DIR=$(DATA_DIR)            with PRESET=msmarco: folder with MS MARCO's own files instead of a download"
	@echo "  FLAGS=$(FLAGS)               more flags, as in FLAGS='--steps 20 --depth 100'; all: $(BIN)/python -m lce_tf.tables -h"
	@echo "  PEERS=$(PEERS)               with bench: 1 sets up sentence-transformers and others in $(PEERS_VENV), on Python 3.11"
	@echo "  EXTRA_INDEX=$(EXTRA_INDEX)         one more package index: for torch's CPU build on a GPU machine"

setup: $(VENV)/.installed ## Build the environment from requirements.lock (3 minutes, 5.6 GB)

# By two processes at once, as most tests leave a core idle: they trace graphs, or start programs one after the other.
# The tests of a file stay in one process, which makes the file's fixtures once.
pytest = $(BIN)/python -m pytest -n 2 --dist loadfile -m "$(1)" $(if $(MINUTES),--minutes $(MINUTES))

test: $(VENV)/.installed ## Run the tests but the slow ones (SLOW=1: all)
	@$(call pytest,not cluster$(if $(SLOW),, and not slow))

test-slow: $(VENV)/.installed ## Run the slow tests only, which make test leaves out (MINUTES=16: begin none later)
	@$(call pytest,slow and not cluster)

lint: $(VENV)/.installed ## Check style (ruff) and shell scripts (shellcheck)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/shellcheck .ci/run experiments/*/*.sh

demo: $(VENV)/.installed ## Train a small cross-encoder, rerank with it and write a page of what changed (6 minutes; FLAGS=--open)
	@$(BIN)/python -m lce_tf.demo $(FLAGS)

table1: $(VENV)/.installed ## Retrieve, train, rerank, test and print Table 1; run again to go on after a stop
	@$(call tables,table1)

table2: $(VENV)/.installed ## Table 2, negatives x first stage: reranks with checkpoints of Table 1
	@$(call tables,table2)

table3: $(VENV)/.installed ## Table 3, group sizes 2 to 32 x negatives, with its figure
	@$(call tables,table3)

table4: $(VENV)/.installed ## Table 4, the leaderboard, with the file to submit
	@$(call tables,table4)

tables: $(VENV)/.installed ## All four tables; what they share is made once. First FLAGS=--plan: what it takes
	@$(call tables,all)

fuzz: $(VENV)/.installed ## Feed each property of readers, stores, packing and groups N=10000 inputs
	@FUZZ=$(or $(N),10000) $(BIN)/python -m pytest -q tests/properties

chaos: $(VENV)/.installed ## Kill training and reranking N=100 times each at random moments, and compare what comes of it
	@$(BIN)/python -m tests.chaos --kills $(or $(N),100)

bench: $(VENV)/.installed $(if $(PEERS),$(PEERS_VENV)/.installed) ## Measure speed and memory (PEERS=1: against other tools as well)
	@$(BIN)/python -m experiments.bench $(if $(PEERS),--peers $(PEERS_VENV)/bin/python) $(FLAGS)

bench-gpu: $(VENV)/.installed ## Measure training and scoring on this machine's GPU, PyTorch's beside (docs/gpu.md)
	@$(BIN)/python -m experiments.gpu $(FLAGS)

tricks: $(VENV)/.installed ## What negatives, losses, a teacher, fusion and soups change, over SEEDS=1,2,3 (hours; FLAGS='--steps 100')
	@$(BIN)/python -m experiments.tricks $(if $(SEEDS),--seeds $(SEEDS)) $(FLAGS)

full-size: $(VENV)/.installed ## Walk MS MARCO's full size on drawn files in DIR=folder (15 GB; SCALE=0.001: a trial)
	@[ -n "$(DIR)" ] || { echo "error: name a folder with room for 15 GB: make full-size DIR=/path" >&2; exit 2; }
	@$(BIN)/python -m experiments.full_size.generate "$(DIR)" --scale $(SCALE)
	@$(BIN)/python -m experiments.full_size.prove "$(DIR)"

wheel: $(VENV)/.installed ## Build sdist and wheel into dist/
	@$(BIN)/python -m build --no-isolation

clean: ## Remove what was built, but neither environment nor results
	@rm -rf build dist lce_tf.egg-info .pytest_cache .ruff_cache .hypothesis
	@find lce_tf tests -name __pycache__ -type d -prune -exec rm -rf {} +

define check_python
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
	  echo "error: $(PYTHON) is not Python 3.11, 3.12 or 3.13, for which the locked TensorFlow is built;" \
	  "name one: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "error: $(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }
endef

# `.installing` stands from the first file on until all is in place. Found at the start, it tells that an earlier
# set-up was cut off, maybe in the middle of a package that pip would take for whole: all is then made anew.
$(VENV)/.installed: requirements.lock setup.cfg
	$(check_python)
	@if [ -e $(VENV)/.installing ]; then \
	  echo "$(VENV): an earlier set-up was cut off; starting afresh"; \
	  find $(VENV) -mindepth 1 -maxdepth 1 ! -name .installing -exec rm -rf {} +; \
	elif [ -e $(VENV)/pyvenv.cfg ] && ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  echo "error: $(VENV) holds an environment without a working pip; remove it or name another: make VENV=" >&2; exit 2; \
	fi
	@mkdir -p $(VENV) && touch $(VENV)/.installing
	@[ -e $(VENV)/pyvenv.cfg ] || $(PYTHON) -m venv $(VENV)
	@echo "Installing the $$(grep -c == requirements.lock) packages of requirements.lock into $(VENV):" \
	  "3 minutes and 5.6 GB the first time"
	@$(BIN)/python -m pip install $(PIP_FLAGS) -r requirements.lock
	@$(BIN)/python -m pip install $(PIP_FLAGS) --no-deps --no-build-isolation -e .
	@mv $(VENV)/.installing $@
	@touch $@

# Without torchvision: optimum-intel asks for it, nothing measured uses it, and its CUDA build does not load beside a
# CPU build of torch.
$(PEERS_VENV)/.installed: experiments/bench/peers.lock
	$(check_python)
	@rm -rf $(PEERS_VENV)
	@$(PYTHON) -m venv $(PEERS_VENV)
	@echo "Installing the other tools of $< into $(PEERS_VENV): 2 GB, or more with a CUDA build of torch"
	@$(PEERS_VENV)/bin/python -m pip install $(PIP_FLAGS) -r $<
	@$(PEERS_VENV)/bin/python -m pip uninstall -qq --yes torchvision
	@touch $@

lock: ## Write both lock files anew from setup.cfg, keeping versions that fit (UPGRADE=1: the newest)
	$(check_python)
	@set -e; scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	$(PYTHON) -m venv "$$scratch"; \
	"$$scratch/bin/pip" install $(PIP_FLAGS) $(if $(UPGRADE),,-c requirements.lock) -e '.[dev,onnx,pyterrier,ray,serve]'; \
	{ echo "# Exact versions of all that lce_tf runs and is tested with: setup.cfg, its extras dev, onnx, pyterrier, ray and serve."; \
	  echo "# Written by 'make lock'; do not edit. Local labels are dropped, so torch may be a CPU or a CUDA build."; \
	  "$$scratch/bin/pip" freeze --all --exclude-editable --exclude pip | sed 's/+.*//'; } > "$$scratch/lock"; \
	"$$scratch/bin/python" -m experiments.serving.lock "$$scratch/lock" > "$$scratch/serve"; \
	cp "$$scratch/lock" .requirements.lock.part; cp "$$scratch/serve" .requirements-serve.lock.part; \
	mv .requirements.lock.part requirements.lock; mv .requirements-serve.lock.part requirements-serve.lock
