# `make run PROMPT="a purple frog on a black background"` makes a picture; `make help` lists the rest.

PROMPT ?= a purple frog on a black background
OUT ?= output/picture-{n}.png
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ICONS := @iconify-json/noto@1.2.9 @iconify-json/twemoji@1.2.5 @iconify-json/fluent-emoji-flat@1.2.6

# The prompt reaches the shell through the environment, as it was typed: quotes, dollars and backquotes included.
export NODEGRAPH_PROMPT := $(value PROMPT)
export NODEGRAPH_OUT := $(value OUT)
unexport PROMPT
unexport OUT

.DEFAULT_GOAL := help
.PHONY: run test test-full test-browser test-web web soak lint data train bench clean help

run: $(VENV)/.runtime  ## make a picture of PROMPT (and say where it is)
	@$(BIN)/nodegraph run text_to_image --set "prompt.text=$$NODEGRAPH_PROMPT" --out "$$NODEGRAPH_OUT"

test: $(VENV)/.dev  ## run the tests
	@$(BIN)/python -m pytest

test-full: $(VENV)/.dev  ## run the tests with the slow ones: full-size networks against the reference ones
	@$(BIN)/python -m pytest -m "slow or not slow"

test-browser: $(VENV)/.browser  ## run the tests in a real browser (needs chromium)
	@$(BIN)/python -m pytest -m browser

web: web/node_modules/.installed  ## build the canvas into web/dist (needs Node 20)
	@cd web && npm run --silent build

test-web: web  ## check and test the canvas, and that web/dist is what its sources make
	@cd web && npm run --silent lint && npm run --silent typecheck && npm test --silent
	@test -z "$$(git status --porcelain -- web/dist)" || { echo "web/dist is not what was committed" >&2; exit 1; }

soak: $(VENV)/.dev  ## print the table of the server's figures: kills, faults, floods (about half an hour)
	@$(BIN)/python -m tests.benchmarks.soak

lint: $(VENV)/.browser  ## check style, format and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/pyright

data: data/.packs  ## fetch the emoji that the embedded checkpoint learns from (npm)

data/.packs:
	@npm install --silent --no-audit --no-fund --prefix data $(ICONS)
	@touch $@

train: $(VENV)/.dev data/.packs  ## train all embedded models again (about three hours on two cores; it resumes)
	@for part in checkpoint classifier clip_vision few_steps evaluate; do \
		$(BIN)/nodegraph run training/$$part --models output || exit; done

bench: $(VENV)/.browser  ## print the table of figures
	@$(BIN)/python -m tests.benchmarks

web/node_modules/.installed: web/package-lock.json
	@cd web && npm ci --silent --no-audit --no-fund
	@touch $@

clean:  ## remove the virtual environment and all caches
	@rm -rf $(VENV) build dist web/node_modules .pytest_cache .ruff_cache .hypothesis
	@find nodegraph nodes tests -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*  ## /  make \1\t/p' Makefile | expand -t 20

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "nodegraph needs Python 3.11 or newer; name one with PYTHON=…" >&2; exit 1; }
	@echo "Setting up $(VENV) (once; this fetches PyTorch) …" >&2
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml constraints.txt | $(VENV)/bin/python
	@$(BIN)/python -m pip install -qq -c constraints.txt -e . >&2
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	@$(BIN)/python -m pip install -qq -c constraints.txt -e '.[dev]' >&2
	@touch $@

$(VENV)/.browser: $(VENV)/.dev
	@$(BIN)/python -m pip install -qq -c constraints.txt -e '.[dev,browser]' >&2
	@touch $@
