# make run: the platform on this machine, with nothing to install but Python.   make test: everything that must hold.
.DEFAULT_GOAL := help
.PHONY: help run test check format lock audit clean
PYTEST_OPTIONS ?= -n 2 --dist loadfile --no-loadscope-reorder

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile

run: ## start the platform (settings: docs/configuration.md)
	@.ci/venv base
	@exec .venv/bin/python -m aiops run

test: check ## linters, checks and all tests
	.venv/bin/python -m pytest $(PYTEST_OPTIONS)

check: ## linters and checks alone
	@.ci/venv dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/djlint templates --check --lint --quiet
	.venv/bin/python manage.py check --fail-level WARNING
	.venv/bin/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

format: ## let the formatters have their way
	@.ci/venv dev
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .
	.venv/bin/djlint templates --reformat --quiet

lock: ## resolve requirements/*.in anew
	@.ci/venv dev
	for name in base dev; do \
	  .venv/bin/uv pip compile requirements/$$name.in --output-file requirements/$$name.txt --quiet --upgrade \
	    --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header || exit 1; \
	done

audit: ## ask for known vulnerabilities of what is locked (needs the internet: docs/advisories.md)
	@.ci/venv dev
	.venv/bin/uv tool run pip-audit --requirement requirements/base.txt --require-hashes --disable-pip

clean: ## remove what can be made again (never the data directory)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
