# `make help` lists what there is. Every target does its own set-up, so on a fresh machine `make demo` alone is enough.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# The interpreter .venv is made with; empty means the newest of python3.13, python3.12, python3.11 and python3.
PYTHON ?=
# Words handed on to the program: make run ARGS='search truyện kiều', make test ARGS='-k calendar'.
ARGS ?=

# An environment that is unfinished, moved or without its interpreter counts as absent, whatever the times of the files say.
ifneq "$(shell test -x .venv/bin/python && cat .venv/ready 2>/dev/null)" "$(shell pwd -P)"
.PHONY: .venv/ready
endif

.PHONY: help setup demo run test check bench soak fuzz pins words clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

setup: .venv/ready ## make or repair .venv with everything tests and checks need

.venv/ready: pyproject.toml pins.txt .ci/setup
	@PYTHON='$(PYTHON)' .ci/setup

demo: .venv/ready ## play the main job on made-up readers and titles (ARGS='--lang en')
	@.venv/bin/tramsach demo $(ARGS)

run: .venv/ready ## start the program (ARGS='search kiều'); without ARGS it shows its help
	@.venv/bin/tramsach $(or $(ARGS),--help)

test: .venv/ready ## run all tests (ARGS='-k calendar' for some)
	@.venv/bin/python -m pytest -n 2 --dist worksteal $(ARGS)

check: .venv/ready ## lint, format, types, and the import rules between the rooms
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

bench: .venv/ready ## measure, and print each figure beside its target (ARGS='exchange', ARGS='--large --morango' for all)
	@.venv/bin/python -m tests.bench $(ARGS)

fuzz: .venv/ready ## give a million inputs to the parsers (ARGS='--target tag --inputs 5000')
	@.venv/bin/python -m tests.fuzz $(ARGS)

soak: .venv/ready ## let whole networks live under fresh seeds, with all that goes wrong (ARGS='--minutes 60')
	@.venv/bin/python -m tests.sync.simulation $(ARGS)

pins: .venv/ready ## resolve all extras anew and write the versions to pins.txt
	@.venv/bin/python .ci/pins.py pins.txt

words: .venv/ready ## bring the translations up to date with the source texts
	@.venv/bin/python .ci/words.py

clean: ## remove .venv and every cache
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
