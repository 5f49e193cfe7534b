#!/bin/sh
# Begins a new file for the log of the servers of compose.yaml, and deletes those that are older than seven days.
# For cron, once a day, in the folder of compose.yaml: deploy/filebeat/rotate.sh
# COMPOSE names Docker Compose, if it is not `docker compose`; words behind the script are its options.
set -eu
compose="${COMPOSE:-docker compose}"
# shellcheck disable=SC2016,SC2086 # the shell in the container expands it; Compose is two words
$compose "$@" exec -T server-1 sh -c '
  cd /var/log/dungeonfighter || exit 1
  if [ -s server.log ]; then mv server.log "server-$(date -u +%Y%m%dT%H%M%SZ).log"; fi
  find . -name "server-*.log" -mtime +7 -delete'
# Every process opens the file anew, and writes to the former one until then: no line is lost, none is doubled.
# shellcheck disable=SC2086 # as above
$compose "$@" kill -s HUP server-1 server-2
