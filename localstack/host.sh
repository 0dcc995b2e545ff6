#!/usr/bin/env bash
# LocalStack as a process of this machine, without docker. All of it listens on 127.0.0.1 only.
#
#   host.sh setup [PYTHON]     its own virtual environment, .venv-localstack, and Node packages;
#                              exit code 3 if this machine can't have them
#   host.sh serve PORT FOLDER  in the foreground, until told to end; what it writes is in FOLDER
#   host.sh start              in the background, on port 4566; waits until it is ready
#   host.sh stop               ends what start has started
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
home=$root/.venv-localstack
python=$home/bin/python
own=$root/.localstack
port=4566

missing() { # this machine lacks something; the caller may do without LocalStack
  echo "localstack: $*" >&2
  exit 3
}

need_node() {
  command -v node >/dev/null || missing "Node 18 or newer is needed, no node was found"
  local version
  version=$(node --version)
  version=${version#v}
  [ "${version%%.*}" -ge 18 ] || missing "Node 18 or newer is needed, node is $version"
}

setup() {
  need_node
  if [ "$home/.ready" -nt "$here/requirements.lock" ] && [ "$home/.ready" -nt "$here/package-lock.json" ] \
    && "$python" -c '' 2>/dev/null; then
    return
  fi
  command -v npm >/dev/null || missing "npm is needed (Debian, Ubuntu: npm), none was found"
  local name found=
  for name in "$@" python3.13 python3.12 python3.11; do
    if "$name" -c 'import ensurepip, sys, venv
sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
      found=$name
      break
    fi
  done
  [ -n "$found" ] || missing "LocalStack 4.9.2 needs a Python 3.11, 3.12 or 3.13 that can make virtual environments, none was found"
  echo "setup: making $(basename "$home") for LocalStack (some 300 MB, which takes a minute or a few)"
  rm -rf "$home"
  "$found" -m venv "$home"
  "$python" -m pip -qq --no-input --disable-pip-version-check \
    install --no-compile --no-deps --require-hashes -r "$here/requirements.lock"
  mkdir "$home/kinesis"
  cp "$here/package.json" "$here/package-lock.json" "$home/kinesis"
  npm ci --prefix "$home/kinesis" --ignore-scripts --no-audit --no-fund --loglevel=error
  touch "$home/.ready"
}

serve() {
  local listen=$1 folder=$2 name kinesis
  need_node
  [ -e "$home/.ready" ] || missing "it is not set up; run: localstack/host.sh setup"
  kinesis=$folder/usr/lib/localstack/kinesis-local
  mkdir -p "$kinesis" "$folder/etc/localstack/init" "$folder/home"
  # both where LocalStack looks before it downloads anything
  ln -sfn "$home/kinesis" "$kinesis/0.4.13"
  ln -sfn "$here/ready.d" "$folder/etc/localstack/init/ready.d"
  # an account of yours, or another LocalStack's settings, would lead it astray
  for name in $(compgen -e); do
    case $name in AWS_* | LOCALSTACK_* | VIRTUAL_ENV | PYTHONPATH | PYTHONHOME) unset "$name" ;; esac
  done
  set -a
  # shellcheck source=localstack/localstack.env
  . "$here/localstack.env"
  set +a
  export OVERRIDE_IN_DOCKER=0 GATEWAY_SERVER=hypercorn DNS_ADDRESS=0 KINESIS_PERSISTENCE=0
  export GATEWAY_LISTEN=127.0.0.1:$listen FILESYSTEM_ROOT=$folder CONFIG_DIR=$folder/home
  export NODE_OPTIONS="${NODE_OPTIONS:-} --require \"$here/loopback.cjs\""
  exec "$python" -m localstack.runtime.main
}

# The process that start has started, if it is alive: ids are used again after a reboot.
started() {
  local pid
  pid=$(cat "$own/pid" 2>/dev/null) || return 1
  case $(ps -o args= -p "$pid" 2>/dev/null) in *localstack.runtime.main* | *"host.sh serve"*) echo "$pid" ;; *) return 1 ;; esac
}

await() { "$python" "$here/await.py" "$port" "$@"; }

start() {
  local pid found=0
  need_node
  await 0 || found=$?
  case $found in
    0) echo "LocalStack is up already: http://127.0.0.1:$port" && return ;;
    2) ;;
    *) echo "localstack: if it isn't yours, end what uses port $port; else: make localstack-stop" >&2 && return 1 ;;
  esac
  rm -rf "$own"
  mkdir "$own"
  set -m # a process group of its own, which the terminal's Ctrl-C does not reach
  nohup "$here/host.sh" serve "$port" "$own/data" >"$own/log" 2>&1 </dev/null &
  pid=$!
  set +m
  echo "$pid" >"$own/pid"
  trap 'stop; exit 130' INT TERM
  echo "starting LocalStack; its log is $own/log"
  if ! await 120 "$pid"; then
    tail -n 5 "$own/log" >&2
    stop
    return 1
  fi
  echo "LocalStack is up: http://127.0.0.1:$port (process $pid); make localstack-stop ends it"
}

stop() {
  local pid left=25
  if ! pid=$(started); then
    echo "no LocalStack that was started here is running"
    return
  fi
  kill -TERM "$pid"
  while kill -0 "$pid" 2>/dev/null && [ "$((left -= 1))" -gt 0 ]; do sleep 0.2; done
  kill -KILL "-$pid" 2>/dev/null || true # what is left of its group
  rm -f "$own/pid"
  echo "LocalStack has ended"
}

case ${1-} in
  setup | serve | start | stop) "$@" ;;
  *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
