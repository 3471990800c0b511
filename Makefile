# The only list of tasks.
.POSIX:
.PHONY: help demo test endurance fuzz check lint bench docs release package

CARGO = cargo
DENY = advisories bans licenses sources
# Of x86_64 and aarch64; by default what this machine is.
ARCHS =
SECONDS = 60
MINUTES = 120
SEED = 1

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

demo: ## break a registry on this machine in several ways and see each explained
	tests/setup demo
	$(CARGO) build -q --locked -p pullagent
	$(CARGO) run -q --locked -p pullagent-testkit --bin pullagent-demo

test: ## install what the tests run against, then run them all
	tests/setup test
	$(CARGO) test --workspace --locked

endurance: ## let the agent live for MINUTES while all around it fails and heals as SEED has it (needs root)
	tests/setup bench
	$(CARGO) build -q --release --locked -p pullagent -p pullagent-testkit
	at="$${CARGO_TARGET_DIR:-target}/release"; "$$at/pullagent-endurance" "$$at/pullagent" $(MINUTES) $(SEED)

fuzz: ## throw foreign text at every parser, SECONDS for each target
	tests/fuzz/run $(SECONDS)

check: ## formatting, lints and documentation, as every change must pass them
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --locked

lint: check ## check, and the dependencies' licences, advisories and duplicates
	command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	$(CARGO) deny --locked check $(DENY)

docs: ## write the documents that are made from the code
	UPDATE_DOCS=1 $(CARGO) test -q --locked -p pullagent-diagnosis --test docs --test schema

release: ## build the static binaries of ARCHS and print their sizes and hashes
	packaging/release $(ARCHS)

package: release ## make deb, rpm, image, archive and bill of materials of them, in target/package
	packaging/package $(ARCHS)

bench: ## measure what is promised, over a link with 50 ms round trip (needs root)
	tests/setup bench
	$(CARGO) build -q --release --locked -p pullagent -p pullagent-testkit
	tests/bench/run "$${CARGO_TARGET_DIR:-target}/release"
