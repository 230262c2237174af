#!/usr/bin/env bash
# Runs two commands by turns, each of which prints one number (a speed) as the last word of its output, and shows the
# medians and their ratio.
#   benches/versus.sh ROUNDS 'OUR COMMAND' 'THE PEER'S COMMAND'
set -euo pipefail

[ $# = 3 ] && [ "$1" -ge 1 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
rounds=$1

# The last number that a command prints.
measure() { bash -c "$1" | grep -oE '[0-9]+(\.[0-9]+)?' | tail -n 1; }
median() { printf '%s\n' "$@" | sort -g | sed -n "$((($# + 1) / 2))p"; }

ours=() peers=()
for ((round = 1; round <= rounds; round++)); do
    ours+=("$(measure "$2")")
    peers+=("$(measure "$3")")
    printf 'round %d: ours %s, peer %s\n' "$round" "${ours[-1]}" "${peers[-1]}"
done
awk -v ours="$(median "${ours[@]}")" -v peer="$(median "${peers[@]}")" \
    'BEGIN { printf "median: ours %s, peer %s, ratio %.3f\n", ours, peer, ours / peer }'
