#!/bin/sh
# Starts Alertmanager with alertmanager.yml: alertmanager.sh OPTION...
# ALERT_WEBHOOK is the address that gets all alerts. Without it nobody is notified.
set -eu
written="$(dirname "$0")/alertmanager.yml"
used="${ALERTMANAGER_CONFIG:-/tmp/alertmanager.yml}"
if [ -n "${ALERT_WEBHOOK:-}" ]; then
  # What is special for sed, and for YAML in single quotes.
  address="$(printf '%s' "$ALERT_WEBHOOK" | sed -e 's/[&|\\]/\\&/g' -e "s/'/''/g")"
  sed -e 's/receiver: nobody/receiver: webhook/' -e "s|http://webhook.invalid/|$address|" "$written" >"$used"
else
  echo "ALERT_WEBHOOK is empty: alerts are only shown, at port 9093, and nobody is notified" >&2
  cp "$written" "$used"
fi
exec alertmanager --config.file="$used" "$@"
