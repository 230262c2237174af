#!/usr/bin/env bash
# Builds every fuzz target that fuzz/Cargo.toml names and runs each for some seconds.
#   scripts/fuzz.sh [seconds] [target ...]      60 seconds and all targets unless told otherwise
# Works on the stable compiler: coverage comes from LLVM's own pass. A crash ends it with an error and leaves the
# input in fuzz/artifacts. What was learned stays in fuzz/corpus; fuzz/seeds holds the inputs to begin with.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds="${1:-60}"
shift || true
if [ "$#" -gt 0 ]; then
    targets=("$@")
else
    mapfile -t targets < <(awk '/^\[/ { bin = ($0 == "[[bin]]") } bin && /^name *=/ { gsub(/.*= *"|".*/, ""); print }' fuzz/Cargo.toml)
fi
features="$(scripts/features.sh)"
if [ -z "$features" ]; then
    echo "fuzz.sh: SKIPPED: hash_randomx, because cmake or a C++ compiler is missing" >&2
    for i in "${!targets[@]}"; do
        [ "${targets[i]}" != hash_randomx ] || unset "targets[i]"
    done
fi
[ "${#targets[@]}" -gt 0 ] || { echo "fuzz/Cargo.toml names no targets" >&2; exit 1; }

host="$(rustc -vV | sed -n 's/^host: //p')"
target_dir="${CARGO_TARGET_DIR:-target}/fuzz"
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Ccodegen-units=1"
# Naming the target keeps the flags away from build scripts and procedural macros.
# shellcheck disable=SC2206 # two words
build=(cargo build --release $features --manifest-path fuzz/Cargo.toml --target "$host" --target-dir "$target_dir")
for target in "${targets[@]}"; do
    build+=(--bin "$target")
done
"${build[@]}"

failed=()
for target in "${targets[@]}"; do
    corpus="fuzz/corpus/$target"
    artifacts="fuzz/artifacts/$target"
    mkdir -p "$corpus" "$artifacts"
    inputs=("$corpus")
    [ -d "fuzz/seeds/$target" ] && inputs+=("fuzz/seeds/$target")
    echo "== $target: $seconds s"
    if ! "$target_dir/$host/release/$target" "${inputs[@]}" -max_total_time="$seconds" -max_len=16384 -timeout=10 \
        -rss_limit_mb=2048 -dict=fuzz/seeds/json.dict -artifact_prefix="$artifacts/" -print_final_stats=1 \
        -verbosity=0 2>"$artifacts/log"; then
        failed+=("$target")
        tail -n 40 "$artifacts/log" >&2
    else
        grep -E 'number_of_executed_units|new_units_added' "$artifacts/log" || true
    fi
done
if [ "${#failed[@]}" -gt 0 ]; then
    echo "crashed: ${failed[*]}; the inputs are in fuzz/artifacts" >&2
    exit 1
fi
