#!/usr/bin/env bash
# Sets up what is missing, builds what has changed, and runs the whole system on this machine until Ctrl-C or SIGTERM.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. build/setup.sh

profile=${CHAT_PROFILE:-Release}
need_dotnet
packages=()
[ -n "${ConnectionStrings__redis:-}" ] || has_redis || packages+=(redis-server)
[ -n "${ConnectionStrings__chatdb:-}" ] || has_postgres || packages+=(postgresql)
install_packages "${packages[@]}"
# Running needs no second opinion on the code: analyzers are for the build that the tests make.
build_once Chat.AppHost "$profile" -p:RunAnalyzers=false

# In place of this shell, so that signals reach the engine itself.
exec dotnet "Chat.AppHost/bin/$profile/net10.0/Chat.AppHost.dll" "$@"
