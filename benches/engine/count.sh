#!/bin/sh
# usage: count.sh LOG STEP COMMAND...     adds a line to LOG, then becomes COMMAND
printf '%s\n' "$2" >>"$1"
shift 2
exec "$@"
