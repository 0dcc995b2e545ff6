#!/usr/bin/env bash
# What the tests of the fleet need beside Python packages: a Kinesis for Node, in .venv-fleet.
# Exit code 3 if this machine can't have it, with a line that says what is missing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=$(dirname "$(dirname "$here")")/.venv-fleet

missing() {
  echo "fleet: $*" >&2
  exit 3
}

command -v node >/dev/null || missing "Node 18 or newer is needed, no node was found"
version=$(node --version)
version=${version#v}
[ "${version%%.*}" -ge 18 ] || missing "Node 18 or newer is needed, node is $version"
[ "$home/.ready" -nt "$here/kinesis/package-lock.json" ] && exit
command -v npm >/dev/null || missing "npm is needed (Debian, Ubuntu: npm), none was found"
rm -rf "$home"
mkdir "$home"
cp "$here/kinesis/package.json" "$here/kinesis/package-lock.json" "$home"
npm ci --prefix "$home" --ignore-scripts --no-audit --no-fund --loglevel=error
touch "$home/.ready"
