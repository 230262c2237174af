#!/usr/bin/env bash
# Prints the cargo features that this machine can build: RandomX, whose library is C++ and built by cmake. RANDOMX=no
# leaves it out.
set -euo pipefail

if [ "${RANDOMX:-auto}" != no ] && command -v cmake >/dev/null && command -v "${CXX:-c++}" >/dev/null; then
    echo "--features randomx"
fi
