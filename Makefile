# make run    build Otedama and start it on its development chain
# make test   everything that can be tested on this machine; installs the real nodes it mines on
# The other targets: build, install, bench, lint, fmt.

CARGO ?= cargo
PREFIX ?= /usr/local
# Where rustup puts cargo, for a shell that was started before it did.
export PATH := $(PATH):$(HOME)/.cargo/bin
TARGET_DIR = $(or $(CARGO_TARGET_DIR),target)
# RandomX where it can be built, which is asked after `setup`; `make RANDOMX=no` leaves it out.
export RANDOMX ?= auto
FEATURES = $$(scripts/features.sh)
WASM = wasm32-unknown-unknown
# Crates in which no I/O may hide; what else proves it is that they build for a machine that has none.
WASM_CRATES = otedama-hash otedama-stratum otedama-chain otedama-rewards otedama-pool

.PHONY: run build install test bench fmt lint setup lint-format lint-clippy lint-docs lint-licences lint-wasm lint-fuzz
.DEFAULT_GOAL := build

setup:
	@scripts/setup.sh

# Optimised, but linked in seconds; `make build` makes the smaller and faster release.
run: setup
	$(CARGO) run --profile fast -p otedama-bin --bin otedama $(FEATURES) -- serve $(ARGS)

build: setup
	$(CARGO) build --release -p otedama-bin --bin otedama $(FEATURES)
	@echo "built $(TARGET_DIR)/release/otedama"

install: build
	install -d "$(DESTDIR)$(PREFIX)/bin"
	install -m 755 "$(TARGET_DIR)/release/otedama" "$(DESTDIR)$(PREFIX)/bin/otedama"

test: setup
	@scripts/nodes.sh
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
		set -x; $(CARGO) nextest run --workspace $(FEATURES) --no-fail-fast && \
		$(CARGO) test --workspace $(FEATURES) --doc; \
	else \
		set -x; $(CARGO) test --workspace $(FEATURES) --no-fail-fast; \
	fi

bench: setup
	benches/pool.sh $(ARGS)

fmt: setup
	$(CARGO) fmt --all

lint: setup lint-format lint-clippy lint-docs lint-licences lint-wasm lint-fuzz

lint-format:
	$(CARGO) fmt --all --check

lint-clippy:
	$(CARGO) clippy --workspace $(FEATURES) --all-targets -- -D warnings

lint-docs:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace $(FEATURES) --no-deps

lint-licences:
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
		set -x; $(CARGO) deny --workspace check licenses bans sources || exit 1; \
		if $(CARGO) deny fetch db; then $(CARGO) deny --workspace check --disable-fetch advisories; else \
			echo "lint: SKIPPED: advisories, because their database can't be fetched" >&2; fi; \
	else \
		echo "lint: SKIPPED: licences and advisories, because cargo-deny is not installed" \
			"(cargo install --locked cargo-deny)" >&2; \
	fi

lint-wasm:
	@if [ -d "$$(rustc --print sysroot)/lib/rustlib/$(WASM)" ]; then \
		set -ex; \
		$(CARGO) check --target $(WASM) $(addprefix -p ,$(WASM_CRATES)); \
		$(CARGO) check --target $(WASM) -p otedama-hash --no-default-features; \
	else \
		echo "lint: SKIPPED: the check that no I/O hides in $(WASM_CRATES), because the target is not installed" \
			"(rustup target add $(WASM))" >&2; \
	fi

# The fuzz targets are a workspace of their own, which no other target here compiles. Without the engine they don't link.
lint-fuzz:
	$(CARGO) check --manifest-path fuzz/Cargo.toml --bins --no-default-features $(FEATURES) --target-dir "$(TARGET_DIR)"
