# shellcheck shell=bash
# Common ways of the parts. A part sources this, asks for what it needs and prints one line: what is there, which version.
# A part that cannot be had says why in its last line on standard error and exits 1.
set -euo pipefail

PART="$(basename "$0")"
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/dungeonfighter"
PARTS_VENV="$ROOT/.parts/venv"
# .ci/run gives one folder to all parts of a run, so that the package lists are fetched at most once.
RUN_FOLDER="${PARTS_RUN_FOLDER:-$(mktemp -d)}"
[[ -n "${PARTS_RUN_FOLDER:-}" ]] || trap 'rm -rf "$RUN_FOLDER"' EXIT
export PATH="$PATH:/usr/sbin:/sbin" DEBIAN_FRONTEND=noninteractive
mkdir -p "$CACHE"

found() { # NAME VERSION...
  echo "$PART: $*"
}

cannot() { # REASON...
  echo "$PART: $*" >&2
  exit 1
}

as_root() {
  if [[ "$(id -u)" = 0 ]]; then "$@"; else sudo -n "$@"; fi
}

installed() { # PACKAGE: 0 when dpkg has it whole
  [[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]]
}

version_of() { # PACKAGE...
  local package line=""
  for package in "$@"; do
    line+="${line:+, }$package $(dpkg-query -W -f '${Version}' "$package")"
  done
  echo "$line"
}

apt_install() {
  as_root apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$@" \
    </dev/null >"$RUN_FOLDER/$PART.log" 2>&1
}

# The lists are fetched only when an installation without that failed: none yet, or older than the archive.
packages() { # PACKAGE...: install those that are missing
  local package missing=()
  command -v apt-get >/dev/null || cannot "needs Debian's packages: $*"
  for package in "$@"; do
    installed "$package" || missing+=("$package")
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  [[ "$(id -u)" = 0 ]] || sudo -n true 2>/dev/null || cannot "needs root: apt-get install ${missing[*]}"
  apt_install "${missing[@]}" && return 0
  if [[ ! -e "$RUN_FOLDER/lists-fetched" ]]; then
    touch "$RUN_FOLDER/lists-fetched"
    as_root apt-get -o DPkg::Lock::Timeout=300 update -qq </dev/null >"$RUN_FOLDER/lists.log" 2>&1 || true
    apt_install "${missing[@]}" && return 0
  fi
  cannot "apt-get install ${missing[*]}: $(first_error '^E:')"
}

# The parts that are wheels lie in an environment of their own, so that theirs and the game's cannot meet;
# a part whose wheels cannot meet those of others sets PARTS_VENV.
wheels() { # LIST: requirements/LIST.txt is installed, exact versions, checked by hash
  local list="$ROOT/requirements/$1.txt"
  shift
  cmp -s "$list" "$PARTS_VENV/.$(basename "$list")" || install_wheels "$list" "$@"
}

wheel() { # NAME [LIST]: of requirements/LIST.txt this one only, quicker; for one that needs no other
  local list="$ROOT/requirements/${2:-parts}.txt" one="$RUN_FOLDER/$1.txt"
  awk -v name="$1==" '/^[^ ]/ { wanted = index($0, name) == 1 } wanted' "$list" >"$one"
  cmp -s "$list" "$PARTS_VENV/.$(basename "$list")" || cmp -s "$one" "$PARTS_VENV/.$1.txt" ||
    install_wheels "$one" --no-deps
}

install_wheels() { # FILE OPTION...: the file is kept beside what it brought, as a mark
  local list="$1"
  shift
  [[ -x "$PARTS_VENV/bin/pip" ]] || "$(python_program)" -m venv "$PARTS_VENV" || cannot "python3 has no venv"
  "$PARTS_VENV/bin/pip" install --disable-pip-version-check --quiet --no-compile --require-hashes \
    -r "$list" "$@" </dev/null >"$RUN_FOLDER/$PART.log" 2>&1 ||
    cannot "pip install -r $(basename "$list"): $(first_error '^ *(ERROR|error): ')"
  cp "$list" "$PARTS_VENV/.$(basename "$list")"
}

# The packages of Node.js are one list; each part that needs some of them installs all.
node_packages() { # sets node to the program
  local folder="$ROOT/.parts/node"
  command -v npm >/dev/null || packages npm
  mkdir -p "$folder"
  if ! cmp -s "$ROOT/requirements/node/package-lock.json" "$folder/.stamp"; then
    cp "$ROOT"/requirements/node/package{,-lock}.json "$folder/"
    (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) \
      </dev/null >"$RUN_FOLDER/$PART.log" 2>&1 || cannot "npm ci: $(first_error '^npm error')"
    cp "$folder/package-lock.json" "$folder/.stamp"
  fi
  node="$(compgen -G "$folder/node_modules/node-linux-*/bin/node" | sed -n 1p || true)"
  [[ -n "$node" ]] || cannot "there is no Node.js package for this system"
}

node_version() { # PACKAGE...: their names and versions, and that of Node.js
  local package line=""
  for package in "$@"; do
    line+="${package##*/} $("$node" -p "JSON.parse(fs.readFileSync('$ROOT/.parts/node/node_modules/$package/package.json')).version"), "
  done
  echo "${line}node $("$node" --version) at $node"
}

first_error() { # PATTERN: the first such line of this part's log, without addresses
  grep -E "$1" "$RUN_FOLDER/$PART.log" | sed -E '1!d; s#[a-z]+://[^ ]*#...#g' || true
}

python_program() {
  local program
  for program in "$ROOT/.venv/bin/python" python3.14 python3.13 python3.12 python3.11 python3; do
    "$program" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && break
  done
  echo "$program"
}

wheel_version() { # DISTRIBUTION
  "$PARTS_VENV/bin/python" -c 'import sys; from importlib.metadata import version; print(sys.argv[1], version(sys.argv[1]))' "$1"
}
