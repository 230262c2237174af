#!/usr/bin/env bash
# Loads a pool on the development chain with stratum-load, both on this machine: durable shares, replies, new blocks.
# usage: benches/pool.sh [connections] [shares per second] [seconds]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
connections=${1:-10000} rate=${2:-20000} seconds=${3:-20}
target=${CARGO_TARGET_DIR:-target}

cargo build --quiet --profile fast -p otedama-bin -p stratum-load
# On a real disk: a temporary folder may be memory, which makes shares durable in no time.
work=$(mktemp -d "${BENCH_DIR:-$PWD}/bench.XXXXXX")
trap 'kill "$pool" 2>/dev/null && wait "$pool"; rm -rf "$work"' EXIT
cat >"$work/config.yaml" <<YAML
app: { mode: development }
mining: { enable_cpu: false }
pool:
  address: "127.0.0.1:4333"
  max_connections: $((connections + 100))
  # Every fourth nonce is a share, so that finding them costs the load generator next to nothing.
  vardiff: { start: 0.000000001, min: 0.000000001, max: 0.000000001 }
  limits: { connections_per_address: 10000, connects_per_second_per_address: 10000 }
api: { enable: false }
monitoring: { metrics: { enabled: false }, health: { enabled: false } }
storage: { path: "$work/bench.db" }
logging: { file: "$work/bench.log" }
YAML
"$target/fast/otedama" serve --config "$work/config.yaml" >"$work/serve.log" 2>&1 &
pool=$!
for _ in $(seq 100); do
    grep -q 'listening' "$work/serve.log" && break
    kill -0 "$pool" 2>/dev/null || { cat "$work/serve.log" >&2; exit 1; }
    sleep 0.1
done
grep -oE 'listening ms=[0-9]+' "$work/serve.log"
"$target/fast/stratum-load" 127.0.0.1:4333 --user bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080 --password d=0.000000001 \
    --connections "$connections" --rate "$rate" --duration "$seconds" --pid "$pool"
