#!/bin/sh
# Makes an access token and keeps it in a file, until somebody has read and removed it. Not read in time: revoked.
# FLEET, SCOPES and EXPIRES describe the token, FOLDER is in memory, SECONDS_TO_READ is the time.
set -eu
umask 077
dungeonfighter token create --fleet "$FLEET" --scopes "$SCOPES" --expires "$EXPIRES" >"$FOLDER/new"
first="$(cut -c 1-12 "$FOLDER/new")"
revoke() {
  rm -f "$FOLDER/token" "$FOLDER/new"
  dungeonfighter token revoke "$first"
}
trap 'revoke; exit 143' TERM INT
mv "$FOLDER/new" "$FOLDER/token"
echo "the token $first... waits to be read for $SECONDS_TO_READ s"
left="$SECONDS_TO_READ"
while [ "$left" -gt 0 ]; do
  [ -e "$FOLDER/token" ] || { echo "the token was read"; exit 0; }
  sleep 1
  left=$((left - 1))
done
revoke
echo "the token was not read in time" >&2
exit 1
