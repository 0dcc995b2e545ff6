#!/usr/bin/env bash
# What the tests of the page need beside a browser: Node packages, in .venv-page.
# Exit code 3 if this machine can't have them, with a line that says what is missing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=$(dirname "$(dirname "$here")")/.venv-page

missing() {
  echo "page: $*" >&2
  exit 3
}

found=
for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null && found=$name && break
done
[ -n "$found" ] || missing "Chromium is needed (Debian: chromium), none was found"
command -v node >/dev/null || missing "Node 20 or newer is needed, no node was found"
version=$(node --version)
version=${version#v}
[ "${version%%.*}" -ge 20 ] || missing "Node 20 or newer is needed, node is $version"
[ "$home/.ready" -nt "$here/package-lock.json" ] && exit
command -v npm >/dev/null || missing "npm is needed (Debian, Ubuntu: npm), none was found"
rm -rf "$home"
mkdir "$home"
cp "$here/package.json" "$here/package-lock.json" "$home"
npm ci --prefix "$home" --ignore-scripts --no-audit --no-fund --loglevel=error
touch "$home/.ready"
