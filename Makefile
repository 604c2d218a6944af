# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PYTHON=... chooses the interpreter below .venv
PYTHON ?= $(shell scripts/find-python)
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export UV_SYSTEM_CERTS ?= 1
LAYERS := check sanity integration quickstart molecule e2e

.DEFAULT_GOAL := help
.PHONY: help venv quickstart quickstart-down check test $(LAYERS:%=test-%) benchmark lint format changelog lock clean

help: ## list the targets
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do \
	  printf '  make %-16s %s\n' "$$name" "$$text"; done
	@for layer in $(LAYERS); do printf '  make %-16s %s\n' "test-$$layer" "one layer of the tests"; done

quickstart: ## a whole stack of your own user: Postgres, Redis, control plane, one served deployment
	@test -n "$(PYTHON)" && "$(PYTHON)" -B scripts/quickstart up

quickstart-down: ## stop the quickstart's stack; PURGE=1 also removes all that it made, .venv too
	@test -n "$(PYTHON)" && "$(PYTHON)" -B scripts/quickstart down $(if $(PURGE),--purge)

venv: ## .venv with everything that development and tests need
	@test -n "$(PYTHON)" && "$(PYTHON)" scripts/venv.py dev

check: venv ## the inner loop: ruff, mypy, import rule, unit tests
	@tests/check

test: ## every layer of tests; installs what it needs (root on Debian)
	@test -n "$(PYTHON)" && PYTHON="$(PYTHON)" "$(PYTHON)" tests/run

$(LAYERS:%=test-%): test-%:
	@test -n "$(PYTHON)" && PYTHON="$(PYTHON)" "$(PYTHON)" tests/run $*

benchmark: venv ## measure, and print the table of figures with their targets
	@tests/support/hosts/with-engine python tests/benchmarks/run

lint: venv ## ansible-lint over playbooks and roles
	@ansible-lint --offline --profile production

format: venv ## bring Python files to the project's style
	@ruff check --fix --quiet .; ruff format .

changelog: venv ## write CHANGELOG.md from the fragments of a release: make changelog VERSION=0.1.0
	@antsibull-changelog release --version "$(VERSION)"

lock: venv ## resolve requirements/*.in again into requirements/*.txt
	@scripts/lock

clean: ## remove what builds and tests left (not .venv, not a quickstart)
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .ansible
