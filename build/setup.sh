# Sourced by run.sh and test.sh: what a fresh machine lacks, and a build that costs nothing when nothing has changed.

say() { printf '%s\n' "$*" >&2; }

need_dotnet() {
  command -v dotnet >/dev/null && return
  say "The .NET SDK is missing (version: see global.json). https://dot.net/download says how to install it."
  exit 1
}

has_redis() { command -v redis-server >/dev/null; }

has_postgres() {
  command -v postgres >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null
}

# Installs Debian packages without asking. The servers that come with them are ours to start, on ports and data of our own:
# the distribution's services are neither started now nor at the next boot. Services that were there before are left alone.
install_packages() {
  [ $# -gt 0 ] || return 0
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    root=(sudo -n)
    if ! command -v apt-get >/dev/null || ! sudo -n true 2>/dev/null; then
      say "Please install: $*"
      say "On Debian and Ubuntu: sudo apt-get update && sudo apt-get install --no-install-recommends $*"
      exit 1
    fi
  elif ! command -v apt-get >/dev/null; then
    say "Please install with this system's package manager: $* (names as in Debian)"
    exit 1
  fi

  say "Installing $*"
  "${root[@]}" sh -s -- "$@" >&2 <<'SCRIPT'
set -eu
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi
apt-get -qq update
apt-get -qq install -y --no-install-recommends "$@" >/dev/null
if command -v systemctl >/dev/null && [ -d /run/systemd/system ]; then
  for package in "$@"; do
    case "$package" in
      redis-server | postgresql) systemctl disable --now "$package" >/dev/null 2>&1 || echo "could not disable the service $package" ;;
    esac
  done
fi
SCRIPT
}

# Everything that a build of the project can depend on, by content.
sources_hash() {
  {
    dotnet --version
    find . -type d \( -name bin -o -name obj -o -name .git -o -name .data -o -name node_modules -o -name TestResults \) -prune \
      -o -type f \( -path './Chat.*' -o -name 'Directory.*' -o -name global.json -o -name .editorconfig -o -iname nuget.config \) -print0 |
      sort -z | xargs -0 sha256sum
  } | sha256sum
}

# What the last build has left, so that output of another build is never taken for this one's.
outputs_state() {
  find Chat.*/bin/"$1"/net10.0 -maxdepth 1 -name 'Chat.*.dll' -printf '%p %s %T@\n' 2>/dev/null | sort
}

# The compiler server of this build alone, known by the name of its pipe: others on this machine keep theirs.
stop_compiler() {
  local process
  for process in /proc/[0-9]*; do
    if grep -aqs "pipename:$1" "$process/cmdline"; then kill "${process#/proc/}" 2>/dev/null || true; fi
  done
}

# build_once PROJECT CONFIGURATION [MSBuild arguments]
build_once() {
  local project=$1 profile=$2 stamp="$1/bin/$2/.built" compiler="chat-build-$$" sources
  shift 2
  sources=$(sources_hash)
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$sources
$(outputs_state "$profile")" ]; then
    return
  fi
  say "Building $project ($profile)"
  # Neither build nodes nor a compiler server stay behind.
  trap "stop_compiler $compiler" EXIT
  MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 dotnet build "$project" -c "$profile" -v quiet --nologo \
    -p:SharedCompilationId="$compiler" "$@" >&2
  stop_compiler "$compiler"
  trap - EXIT
  # The state of the sources before the build: what changed meanwhile is built next time.
  printf '%s\n%s' "$sources" "$(outputs_state "$profile")" > "$stamp"
}
