#!/usr/bin/env bash
# Runs the portable paths of otedama-hash under Miri, which finds undefined behaviour. Takes some minutes and a nightly
# compiler with Miri (rustup toolchain install nightly --component miri). Tests that would take hours there are left
# out by themselves, and so are those of the primitives: the numbers underneath divide in assembly.
#   scripts/miri.sh [test name ...]      names as for cargo test
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo +nightly miri --version >/dev/null 2>&1 || {
    echo "miri.sh: Miri is missing: rustup toolchain install nightly --component miri" >&2
    exit 1
}
# proptest reads the environment and the current folder.
export MIRIFLAGS="${MIRIFLAGS:-} -Zmiri-disable-isolation"
export PROPTEST_CASES="${PROPTEST_CASES:-2}"
cargo +nightly miri test -p otedama-hash --lib -- --skip primitives:: "$@"
