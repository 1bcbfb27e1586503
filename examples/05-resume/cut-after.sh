#!/usr/bin/env bash
# Runs a command and kills it with -9 as soon as it says a line about the given step: a power cut at a chosen moment.
step=$1
shift
exec 3< <(exec "$@" 2>&1)
pid=$!
while IFS= read -r line <&3; do
    echo "$line"
    case $line in
    "  $step "*)
        kill -9 "$pid"
        break
        ;;
    esac
done
wait "$pid" 2>/dev/null
echo "-- killed --"
