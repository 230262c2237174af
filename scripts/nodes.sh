#!/usr/bin/env bash
# Installs the real nodes that the tests mine on, and a real miner, without root and without touching the system:
#   <folder>/bin/{bitcoind,bitcoin-cli,litecoind,litecoin-cli,monerod,xmrig}
# The folder is $OTEDAMA_NODES_DIR, else .nodes in the repository (ignored by git).
#
# The programs are Debian packages: Bitcoin Knots, Monero and xmrig from sid, Litecoin Core from bookworm (sid's cannot
# be installed), and Monero from bookworm where sid's cannot. They come through a private apt state from the mirror that this machine's own apt uses (or $OTEDAMA_DEBIAN_MIRROR),
# checked by apt against Debian's keyring; each is unpacked into a folder with all the libraries it needs and starts
# through its own dynamic loader, so that nothing of another release mixes with the system.
#
# Where that is impossible, nodes that are on PATH are used; where there are none, the tests that need them are
# skipped, loudly. With OTEDAMA_REQUIRE_NODES=1 a missing node is a failure instead.
set -euo pipefail
umask 022

readonly layout=2 # change when what this script installs changes; an older installation is then replaced
readonly programs=(bitcoind bitcoin-cli litecoind litecoin-cli monerod xmrig)
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly repo
nodes=${OTEDAMA_NODES_DIR:-$repo/.nodes}
work= # where everything is made before it is moved into place
why=  # the last reason for which something is missing

missing_programs() {
    local program
    for program in "${programs[@]}"; do
        [ -x "$nodes/bin/$program" ] || printf '%s ' "$program"
    done
}

is_complete() {
    [ "$(cat "$nodes/stamp" 2>/dev/null)" = "$layout" ] && [ -z "$(missing_programs)" ]
}

# Where this machine's apt gets Debian from; empty when it has no Debian source.
debian_mirror() {
    if [ -n "${OTEDAMA_DEBIAN_MIRROR:-}" ]; then
        printf '%s\n' "$OTEDAMA_DEBIAN_MIRROR"
        return
    fi
    apt-get indextargets --format '$(REPO_URI) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
        awk '$2 == "main" && $1 ~ /\/debian\/?$/ && !seen++ { print $1 }'
}

private_apt() {
    local apt=$1
    shift
    APT_CONFIG="$apt/apt.conf" apt-get -q -y "$@" >>"$work/log" 2>&1
}

# A state, a cache and sources of its own. Of the machine's settings only those for fetching are kept (proxies,
# certificates, what to check): hooks that other packages left in apt.conf.d must not run for us.
prepare_apt() {
    local apt=$1 mirror=$2 release=$3 keyring=/usr/share/keyrings/debian-archive-keyring.gpg signed=
    [ ! -r "$keyring" ] || signed="[signed-by=$keyring] "
    mkdir -p "$apt/parts" "$apt/empty" "$apt/state/lists/partial" "$apt/cache/archives/partial"
    chmod 700 "$apt"
    : >"$apt/status"
    printf 'deb %s%s %s main\n' "$signed" "$mirror" "$release" >"$apt/sources.list"
    apt-config dump | grep '^Acquire::' | grep -v '^Acquire::IndexTargets' >"$apt/parts/fetch.conf" || true
    cat >"$apt/apt.conf" <<CONF
Dir::Etc::main "/dev/null";
Dir::Etc::parts "$apt/parts";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "$apt/empty";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "$apt/empty";
Dir::State "$apt/state";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
APT::Sandbox::User "$(id -un)";
APT::Install-Recommends "false";
Acquire::Languages "none";
APT::Update::Error-Mode "any";
Acquire::Retries "3";
CONF
}

# Once per release, whatever the number of packages and whether it works.
update_lists() {
    local apt=$1
    if [ ! -d "$apt" ]; then
        prepare_apt "$@"
        ! private_apt "$apt" update || touch "$apt/updated"
    fi
    [ -e "$apt/updated" ]
}

# The compiled program of that name: Debian may put a script of the same name in usr/bin.
find_program() {
    local file
    find . -name "$1" -type f | sort | while read -r file; do
        if [ "$(od -An -c -j1 -N3 "$file" | tr -d ' ')" = ELF ]; then
            echo "${file#./}"
            break
        fi
    done
}

# A program that starts through the loader and the libraries unpacked with it, wherever the folder is.
write_wrapper() {
    local node=$1 program=$2 loader binary
    # Only a file: the link to it in lib64 is absolute, so it leads to the system's own loader.
    loader=$(cd "$work/$node" && find . -name 'ld-linux*.so.*' -type f | sed 's#^\./##')
    binary=$(cd "$work/$node" && find_program "$program")
    if [ -z "$loader" ] || [ -z "$binary" ]; then
        return 1
    fi
    cat >"$work/bin/$program" <<WRAPPER
#!/bin/sh
root=\$(dirname "\$(dirname "\$(readlink -f "\$0")")")/$node
libraries=\$root/usr/lib/$(uname -m)-linux-gnu:\$root/lib/$(uname -m)-linux-gnu
exec "\$root/$loader" --library-path "\$libraries" "\$root/$binary" "\$@"
WRAPPER
    chmod 755 "$work/bin/$program"
    "$work/bin/$program" --version >/dev/null 2>>"$work/log"
}

# install_node FOLDER RELEASE PACKAGE PROGRAM...
install_node() {
    local node=$1 release=$2 package=$3 apt mirror file program keep=()
    shift 3
    apt=$work/apt-$release
    mirror=$(debian_mirror)
    if [ -z "$mirror" ]; then
        why="apt has no Debian source here (OTEDAMA_DEBIAN_MIRROR may name a mirror)"
        return 1
    fi
    echo "nodes.sh: installing $package for the tests (once, about 30 MB)"
    if ! update_lists "$apt" "$mirror" "$release" || ! private_apt "$apt" install --download-only "$package"; then
        why="apt could not fetch $package: $(grep '^E:' "$work/log" | tail -n 1 | sed 's#//[^/@ ]*@#//#')"
        return 1
    fi
    rm -rf "${work:?}/$node" # of an earlier try
    mkdir "$work/$node"
    for file in "$apt"/cache/archives/*.deb; do
        dpkg-deb -x "$file" "$work/$node"
    done
    # What the next package of this release needs is fetched for itself.
    rm -f "$apt"/cache/archives/*.deb
    for program in "$@"; do
        if ! write_wrapper "$node" "$program"; then
            rm -f "$work/bin/$program"
            why="the unpacked $program does not start"
            return 1
        fi
        keep+=(! -name "$program")
    done
    # Wallets, windows and documents, which no test wants, are most of it.
    rm -rf "$work/$node/usr/share"
    find "$work/$node/usr/bin" -type f "${keep[@]}" -delete
}

# Second choice: what the user has installed, whatever the version.
use_installed() {
    local program path
    for program in "$@"; do
        path=$(type -P "$program" || true)
        [ -z "$path" ] || ln -sf "$path" "$work/bin/$program"
    done
}

# A run that was killed in here leaves no stamp, so the next one starts again.
put_in_place() {
    local part
    rm -f "$nodes/stamp"
    for part in knots litecoin monero xmrig bin; do
        rm -rf "${nodes:?}/$part"
        [ ! -e "$work/$part" ] || mv "$work/$part" "$nodes/$part"
    done
}

report_missing() {
    echo "nodes.sh: SKIPPED: no ${1% } for the tests: $why"
    case $1 in *bitcoin*) echo "nodes.sh: SKIPPED: tests that mine on a real Bitcoin node will not run" ;; esac
    case $1 in *litecoin*) echo "nodes.sh: SKIPPED: tests that mine on a real Litecoin node will not run" ;; esac
    case $1 in *monerod*) echo "nodes.sh: SKIPPED: tests that mine on a real Monero node will not run" ;; esac
    case $1 in *xmrig*) echo "nodes.sh: SKIPPED: tests with a real RandomX miner will not run" ;; esac
    echo "nodes.sh: to run them, put ${1% } on PATH and start again"
    if [ "${OTEDAMA_REQUIRE_NODES:-0}" = 1 ]; then
        echo "nodes.sh: OTEDAMA_REQUIRE_NODES=1, so this is a failure"
        exit 1
    fi
}

if is_complete; then exit 0; fi
mkdir -p "$nodes"
nodes=$(cd "$nodes" && pwd)
if command -v flock >/dev/null; then
    exec 9>"$nodes/lock"
    flock 9
    if is_complete; then exit 0; fi # somebody else installed them while we waited
fi

work=$(mktemp -d "$nodes/install.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
    install_node knots sid bitcoin-knots bitcoind bitcoin-cli || use_installed bitcoind bitcoin-cli
    install_node litecoin bookworm litecoind litecoind litecoin-cli || use_installed litecoind litecoin-cli
    install_node monero sid monero monerod || install_node monero bookworm monero monerod || use_installed monerod
    install_node xmrig sid xmrig xmrig || use_installed xmrig
else
    why="this system has no apt"
    use_installed "${programs[@]}"
fi
put_in_place
missing=$(missing_programs)
if [ -n "$missing" ]; then
    report_missing "$missing" >&2
else
    echo "$layout" >"$nodes/stamp"
    for program in bitcoind litecoind monerod xmrig; do
        echo "nodes.sh: $("$nodes/bin/$program" --version | head -n 1)"
    done
fi
