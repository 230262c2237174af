#!/usr/bin/env bash
# Loads a pool with RandomX shares on one port and SHA-256d shares on another at the same time, all on this machine:
# how many proofs the verification threads manage, and what their work costs the other port.
# usage: MONEROD=monerod benches/verify.sh [RandomX shares/s] [SHA-256d shares/s] [seconds] [verification threads]
# RandomX shares are minted before the load, one hash each; STOCK_TIME (120) is the longest time for that.
# BAD=rate adds a flood of so many invented RandomX shares a second at a high difficulty, which all claim to meet it.
# MONEROD is a monerod of version 0.18 or newer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
randomx=${1:-40} sha256d=${2:-5000} seconds=${3:-20} threads=${4:-1}
target=${CARGO_TARGET_DIR:-target}
address=44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A

cargo build --quiet --profile fast -p otedama-bin --features randomx
cargo build --quiet --profile fast -p stratum-load --features randomx
# On a real disk: a temporary folder may be memory, which makes shares durable in no time.
work=$(mktemp -d "${BENCH_DIR:-$PWD}/bench.XXXXXX")
pool='' node=''
finish() {
    for pid in $pool $node; do kill "$pid" 2>/dev/null && wait "$pid" || true; done
    rm -rf "$work"
}
trap finish EXIT
"${MONEROD:-monerod}" --regtest --offline --fixed-difficulty 1000000000 --non-interactive --no-igd --hide-my-port \
    --data-dir "$work/monero" --rpc-bind-ip 127.0.0.1 --rpc-bind-port 4381 --zmq-pub tcp://127.0.0.1:4382 \
    --p2p-bind-ip 127.0.0.1 --p2p-bind-port 4380 --log-level 0 >"$work/monerod.log" 2>&1 &
node=$!
for _ in $(seq 300); do
    (exec 3<>/dev/tcp/127.0.0.1/4381) 2>/dev/null && break
    kill -0 "$node" 2>/dev/null || { cat "$work/monerod.log" >&2; exit 1; }
    sleep 0.1
done
cat >"$work/config.yaml" <<YAML
app: { mode: development }
mining: { enable_cpu: false }
pool:
  address: "127.0.0.1:4333"
  # Minted shares outlive the templates that follow.
  job_grace: 10m
  verification_threads: $threads
  vardiff: { start: 0.000000001, min: 0.000000001, max: 0.000000001 }
  limits: { connections_per_address: 10000, connects_per_second_per_address: 10000 }
  # Every connection comes from this machine: a ban would end the measurement.
  ban: { enable: false }
chains:
  - coin: DEV
    network: regtest
    address: "127.0.0.1:4333"
  - coin: XMR
    network: regtest
    address: "127.0.0.1:4334"
    payout_address: $address
    nodes: [{ url: "http://127.0.0.1:4381", zmq_block: "tcp://127.0.0.1:4382" }]
    template_refresh: 10m
    # No connection reaches so many shares: only the flood, which asks for more, leaves difficulty 1.
    vardiff: { start: 1, min: 1, max: 1000000, shares_per_minute: 6000 }
api: { enable: false }
monitoring: { metrics: { enabled: false }, health: { enabled: false } }
storage: { path: "$work/bench.db" }
logging: { file: "$work/bench.log" }
YAML
"$target/fast/otedama" serve --config "$work/config.yaml" >"$work/serve.log" 2>&1 &
pool=$!
for _ in $(seq 300); do
    (exec 3<>/dev/tcp/127.0.0.1/4334) 2>/dev/null && break
    kill -0 "$pool" 2>/dev/null || { cat "$work/serve.log" >&2; exit 1; }
    sleep 0.1
done
targets=("cryptonote@127.0.0.1:4334=20,$randomx,user=$address"
    "bitcoin@127.0.0.1:4333=1000,$sha256d,user=bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080,difficulty=1e-9")
[ -z "${BAD:-}" ] || targets+=("cryptonote@127.0.0.1:4334=20,$BAD,user=$address,bad=100,difficulty=1000000")
"$target/fast/stratum-load" --pid "$pool" --duration "$seconds" --job-grace 600 --stock-time "${STOCK_TIME:-120}" \
    "${targets[@]/#/--target=}"
