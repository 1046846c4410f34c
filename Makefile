# What a developer does most. CARGO_TARGET_DIR is respected, as by cargo itself.

CARGO ?= cargo

# Tests that run longer when BINDGATE_SOAK is set, and print how far they are.
SOAKED = conversations crash differential directories domain freshness group_graph histories leases hostile pressure fuzz

.PHONY: help test test-directories test-clients soak bench bench-full bench-groups bench-store bench-console instructions lint fmt demo certs reference screenshots

help:
	@echo 'make test          install what the tests need (scripts/install-test-needs) and run them'
	@echo 'make test-directories  those on real directories of each kind alone (as root)'
	@echo 'make test-clients  those with programs that ask a directory who may log in (as root)'
	@echo 'make soak          long tests with their full counts (SOAKED="fuzz" for some of them)'
	@echo 'make bench         install haproxy and run the bench of binds (a minute)'
	@echo 'make bench-full    build lloadd too, and run every bench (a quarter of an hour)'
	@echo 'make bench-groups  memory and times of the group graph, its first load from slapd'
	@echo 'make bench-store   new records a second, as first sign-ons make them'
	@echo 'make bench-console  the console over the records of 100 000 users'
	@echo 'make instructions  count the instructions of the hot path (scripts/instruction-counts)'
	@echo 'make lint          formatting and clippy, warnings denied'
	@echo 'make fmt           format the code'
	@echo 'make demo          a directory and a gateway on loopback'
	@echo 'make certs         development certificates in certs/'
	@echo 'make screenshots   take the pictures of the console in docs/pictures anew'
	@echo 'make reference     write config/reference.toml and docs/openapi.json anew from the code'

test:
	scripts/install-test-needs
	$(CARGO) test --locked

test-directories:
	scripts/install-test-needs
	$(CARGO) test --locked --test directories

test-clients:
	scripts/install-test-needs
	$(CARGO) test --locked --test real_clients

soak:
	scripts/install-test-needs
	BINDGATE_SOAK=1 $(CARGO) test --locked $(addprefix --test ,$(SOAKED)) -- --nocapture

bench:
	scripts/install-bench-needs
	$(CARGO) bench --locked --bench bind_throughput

bench-full:
	scripts/install-bench-needs --all
	$(CARGO) bench --locked --bench throughput

bench-groups:
	$(CARGO) bench --locked --bench groups
	$(CARGO) bench --locked --bench initial_load

bench-store:
	$(CARGO) bench --locked --bench store

bench-console:
	$(CARGO) bench --locked --bench console

instructions:
	CARGO='$(CARGO)' scripts/instruction-counts

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

fmt:
	$(CARGO) fmt

demo:
	$(CARGO) run --locked --release -- demo

certs:
	certs/generate

reference:
	BINDGATE_WRITE_REFERENCE=1 $(CARGO) test --locked --test config --test admin -- the_reference_is_the_table the_document_is_committed

screenshots:
	scripts/install-test-needs
	BINDGATE_WRITE_PICTURES=1 $(CARGO) test --locked --test console in_front_of_openldap
