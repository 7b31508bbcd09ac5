# make help lists the targets.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.PHONY: help test lint setup servers

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.* ## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

test: ## install what lacks, check the style, run all tests
	@scripts/setup test
	@scripts/servers
	@$(MAKE) lint
	cargo test

lint: ## check formatting, and clippy's advice
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings

setup: ## install what the tests need and the machine lacks
	@scripts/setup test

servers: ## fetch PostgreSQL servers of other versions for the tests
	@scripts/servers
