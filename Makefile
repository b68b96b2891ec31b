# An explicit PYTHON makes .venv anew if it is of another version; else what is there is kept.
PYTHON ?= $(shell for python in .venv/bin/python python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$python && exit; done; echo python3)
PORT ?= 8000
BIN := .venv/bin/python
# Another command's bytecode or caches need not be writable.
export PYTHONUNBUFFERED := 1
# Where no bytecode is kept, each of the many processes of a run compiles all of it again: 2 s each.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install develop demo test lint bench screens lock

install:
	@$(PYTHON) scripts/install.py

develop:
	@$(PYTHON) scripts/install.py --development

demo: install
	@$(BIN) manage.py demo --port $(PORT)

test:
	@$(PYTHON) scripts/install.py --development --browser
	@$(BIN) -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: develop
	@$(BIN) -m ruff check .
	@$(BIN) -m ruff format --check .
	@$(BIN) -m mypy .
	@$(BIN) -c 'from importlinter.cli import lint_imports_command as lint; lint()'
	@$(BIN) -m djlint --check templates
	@$(BIN) -m djlint --lint --quiet templates
	@$(BIN) manage.py makemigrations --check --dry-run

bench: develop
	@$(BIN) -m benchmarks $(ARGS)

# Pictures of the demo's pages, for the README and to look at them.
screens: develop
	@$(BIN) scripts/screens.py

# make lock ARGS=--upgrade takes newer versions of what pyproject.toml leaves open.
lock: develop
	@$(BIN) scripts/lock.py $(ARGS)
