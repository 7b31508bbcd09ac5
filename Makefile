# The two to know: make test, make demo. The rest: make help.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.PHONY: help test test-plain soak demo clean-demo lint setup servers man bench

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.* ## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

test: ## install what lacks, check the style, run all tests
	@scripts/setup test
	@scripts/servers
	@$(MAKE) lint
	cargo test --quiet

test-plain: ## run the cascades with a role that is no superuser: ROLE=plain, or ROLE=bare without any rights
	@scripts/setup test
	LONDISTE_TEST_ROLE=$${ROLE:-plain} cargo test --test suite -- replication:: fault:: --skip versions::

soak: ## random histories (HISTORIES=10000, LONDISTE_SEED=N repeats a run), many switchovers under load (SWITCHOVERS=500)
	@scripts/setup test
	SWITCHOVERS=$${SWITCHOVERS:-500} cargo test --test suite a_root_under_load_goes_forth_and_back -- --nocapture
	HISTORIES=$${HISTORIES:-10000} LONDISTE_SEED=$${LONDISTE_SEED:-clock} cargo test --test suite replication::histories -- --nocapture
	MODEL=large cargo test --release --test suite model::takeover -- --nocapture

demo: ## replicate a busy database from one throwaway server to another; KEEP=1 leaves it running
	@scripts/setup demo
	@KEEP="$(KEEP)" demo/run

clean-demo: ## end what make demo KEEP=1 left running, and remove it
	@demo/clean

lint: ## check formatting, and clippy's advice
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings

setup: ## install what the tests need and the machine lacks
	@scripts/setup test

servers: ## fetch PostgreSQL servers of other versions for the tests
	@scripts/servers

man: ## write the manual pages anew from the definitions of commands and keys
	cargo run --quiet --example gen_docs

bench: ## compare the speed of our triggers with the ancestor's
	@scripts/setup test
	@bench/capture/run.sh
