#!/usr/bin/env bash
# The worker against the LocalStack on 127.0.0.1:4566, fed with simulated calls as they would
# happen, until Ctrl-C. State, session records and metrics are in LocalStack, and end with it.
# PLATFORM says whose calls: twilio (the default), pinecall, through the bridge and from a stub of
# Pinecall's interface, or both.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=.venv/bin/python
endpoint=http://127.0.0.1:4566
name=voice-insights # of the stream and the bucket that LocalStack's hook has made
folder=.localstack
platform=${PLATFORM:-twilio}
case $platform in
  twilio | pinecall | both) ;;
  *) echo "PLATFORM is twilio, pinecall or both, not $platform" >&2 && exit 2 ;;
esac

for variable in $(compgen -e); do # an account of yours is no place for simulated calls
  case $variable in AWS_* | VOICE_INSIGHTS_* | PINECALL_*) unset "$variable" ;; esac
done
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1
export VOICE_INSIGHTS_STREAM=$name VOICE_INSIGHTS_ENDPOINT_URL=$endpoint
export VOICE_INSIGHTS_STATE=s3://$name/state VOICE_INSIGHTS_RECORDS=s3://$name
export VOICE_INSIGHTS_DEAD_LETTERS=s3://$name
export VOICE_INSIGHTS_HOLD_DIRECT_S=5 VOICE_INSIGHTS_HOLD_TURN_S=10 VOICE_INSIGHTS_QUIET_S=5
export VOICE_INSIGHTS_RELEASE_EVERY_S=10 VOICE_INSIGHTS_CLOSE_AFTER_WRAP_UP_S=10
export VOICE_INSIGHTS_HEALTH_PORT=${PORT:-8080}

mkdir -p "$folder"
cat >&2 <<END
The worker on the stream $name of $endpoint, with shortened holds; some 10 calls a minute.
Its page: http://127.0.0.1:$VOICE_INSIGHTS_HEALTH_PORT/  (PORT=NUMBER make localstack-run: another)
Look from another terminal, with these set:
  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1
  aws --endpoint-url $endpoint cloudwatch list-metrics --namespace VoiceInsights
  aws --endpoint-url $endpoint s3 ls --recursive s3://$name
Ctrl-C ends it.
END

others=()
trap '[ -z "${others[*]}" ] || kill -- "${others[@]}" 2>/dev/null || true' EXIT
set -m # groups of their own: this script alone hears Ctrl-C, and tells the worker once

# A program beside the worker, under a name; if it fails, the end of its log is shown.
beside() {
  local log=$folder/$1.log
  shift
  ("$@" >"$log" 2>&1 </dev/null || tail -n 5 "$log" | sed "s|^|${log##*/}: |" >&2) &
  others+=("-$!")
}

if [ "$platform" != pinecall ]; then
  beside simulate $python -m worker simulate --into "$name" --endpoint-url "$endpoint" --speed 1 \
    --seed "$RANDOM" --sessions 300 --spread 30m --delay-median 2s
fi
if [ "$platform" != twilio ]; then
  url=$folder/pinecall-url checkpoint=$folder/pinecall-bridge.json
  rm -f "$url" "$checkpoint" # each run has a service of its own, on another port
  # shellcheck disable=SC2016
  beside pinecall bash -c 'exec "$1" -m worker.testing.pinecall_server 0 300 1800 "$2" >"$3"' \
    _ "$python" "$RANDOM" "$url"
  until [ -s "$url" ]; do
    kill -0 "${others[-1]}" 2>/dev/null || exit 1
    sleep 0.1
  done
  # the health port is the worker's
  beside bridge env -u VOICE_INSIGHTS_HEALTH_PORT PINECALL_API_KEY=pc_test_not-a-secret \
    VOICE_INSIGHTS_PINECALL_ACCOUNT=simulated VOICE_INSIGHTS_PINECALL_URL="$(cat "$url")" \
    VOICE_INSIGHTS_PINECALL_POLL_S=5 VOICE_INSIGHTS_PINECALL_CHECKPOINT="$checkpoint" \
    $python -m worker bridge pinecall
fi
$python -m worker run </dev/null &
worker=$!
set +m
trap 'kill -TERM "$worker" 2>/dev/null || true' INT TERM

while kill -0 "$worker" 2>/dev/null; do
  code=0
  wait "$worker" || code=$?
done
exit "$code"
