#!/bin/bash
# Stands in for the entry point of the image `postgres`: makes the database at the first start, then serves it.
set -euo pipefail
data=/var/lib/postgresql/data
if [[ "$(id -u)" = 0 ]]; then
  chown postgres: "$data"
  exec setpriv --reuid postgres --regid postgres --init-groups bash "$0"
fi
if [[ ! -e "$data/made" ]]; then
  initdb -D "$data" -U "$POSTGRES_USER" --auth-local trust --auth-host scram-sha-256 --pwfile=<(echo "$POSTGRES_PASSWORD")
  echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
  pg_ctl -D "$data" -w -o "-c listen_addresses='' -k /tmp" start
  createdb -h /tmp -U "$POSTGRES_USER" "$POSTGRES_DB"
  pg_ctl -D "$data" -w stop
  touch "$data/made"
fi
exec postgres -D "$data" -c listen_addresses='*' -k /tmp
