#!/usr/bin/env bash
# Makes sure that this machine can build Otedama: Rust (cargo), a C compiler and make, and for RandomX cmake and a C++
# compiler. Installs what is missing where it can: by apt on Debian and Ubuntu (as root, or with sudo that asks for no
# password), by brew on macOS. Elsewhere it says exactly what to install; without cmake or a C++ compiler the build goes
# on and leaves RandomX out. Says nothing and takes no time when everything is there.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly repo
readonly rust_install="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"

say() { echo "setup.sh: $*" >&2; }

die() {
    say "$*"
    exit 1
}

has_c_compiler() { command -v cc >/dev/null || command -v gcc >/dev/null || command -v clang >/dev/null; }

has_rust() {
    # rustup's installer adds this to the login shell only; make may have been started from an older one.
    [ -d "${CARGO_HOME:-$HOME/.cargo}/bin" ] && PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    command -v cargo >/dev/null && cargo --version >/dev/null 2>&1
}

missing_tools() {
    command -v make >/dev/null || echo make
    has_c_compiler || echo cc
    has_rust || echo rust
}

# What RandomX needs besides, unless it is not wanted.
missing_for_randomx() {
    [ "${RANDOMX:-auto}" != no ] || return 0
    command -v cmake >/dev/null || echo cmake
    command -v "${CXX:-c++}" >/dev/null || echo c++
}

# as_root COMMAND...
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

can_be_root() { [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }; }

apt_package() {
    case $1 in
    make) echo make ;;
    cc) echo "gcc libc6-dev" ;;
    c++) echo g++ ;;
    cmake) echo cmake ;;
    rust) echo rustup ;;
    esac
}

install_with_apt() {
    local tool packages
    as_root apt-get -q update </dev/null || true # an old list may still know the packages
    for tool in "$@"; do
        packages=$(apt_package "$tool")
        say "installing $packages"
        # shellcheck disable=SC2086 # one word per package is what is meant
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends $packages </dev/null ||
            continue
        [ "$tool" != rust ] || rustup default stable
    done
}

install_with_brew() {
    local tool
    for tool in "$@"; do
        # The compilers are Apple's own and not in brew.
        [ "$tool" = cc ] || [ "$tool" = c++ ] || brew install "$tool"
    done
}

explain() {
    local tool
    say "this machine lacks: $*. Please install:"
    for tool in "$@"; do
        case $tool in
        rust) say "  Rust:          $rust_install" ;;
        cc) say "  a C compiler:  gcc with the C library's headers (Debian, Ubuntu: apt-get install gcc libc6-dev;" \
            "Fedora: dnf install gcc; Alpine: apk add gcc musl-dev; macOS: xcode-select --install)" ;;
        make) say "  make:          the package of that name" ;;
        esac
    done
    exit 1
}

install_missing() {
    if command -v apt-get >/dev/null && can_be_root; then
        install_with_apt "$@"
    elif [ "$(uname -s)" = Darwin ] && command -v brew >/dev/null; then
        install_with_brew "$@"
    fi
}

# The workspace says which Rust it needs; an older cargo would stop with an error that is harder to read.
check_rust_version() {
    local needed have
    needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$repo/Cargo.toml")
    have=$(cargo --version | cut -d ' ' -f 2)
    if [ "$(printf '%s\n' "$needed" "${have%%-*}" | sort -V | head -n 1)" != "$needed" ]; then
        die "Rust $needed or later is needed, this is $have: run 'rustup update stable' ($rust_install, if there is no rustup)"
    fi
}

# shellcheck disable=SC2046 # one word per tool is what is meant
set -- $(missing_tools) $(missing_for_randomx)
[ $# = 0 ] || install_missing "$@" || true # what is still missing is said below
# shellcheck disable=SC2046
set -- $(missing_tools)
[ $# = 0 ] || explain "$@"
# shellcheck disable=SC2046
set -- $(missing_for_randomx)
[ $# = 0 ] || say "this machine lacks: $*. RandomX is left out of the build; to have it, install cmake and a C++ compiler" \
    "(Debian, Ubuntu: apt-get install cmake g++; Fedora: dnf install cmake gcc-c++; Alpine: apk add cmake g++;" \
    "macOS: brew install cmake)"
has_rust
check_rust_version
