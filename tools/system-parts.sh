#!/usr/bin/env bash
# Make sure the named Debian packages' programs are here. Installs them when it may, names them loudly when not.
set -u
declare -A program=([restic]=restic [bubblewrap]=bwrap [python3-venv]="" [btrfs-progs]=mkfs.btrfs [openssh-sftp-server]="")
missing=()
for package in "$@"; do
  name=${program[$package]-$package}
  if [ "$package" = postgresql ] && compgen -G "/usr/lib/postgresql/*/bin/postgres" >/dev/null; then continue; fi
  if [ -n "$name" ] && command -v "$name" >/dev/null 2>&1; then continue; fi
  if [ -z "$name" ] && dpkg -s "$package" >/dev/null 2>&1; then continue; fi
  missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  case " ${missing[*]} " in
    *" postgresql "*)  # its programs are wanted, not a server that runs from now on
      if [ ! -e /etc/postgresql-common ]; then
        mkdir -p /etc/postgresql-common/createcluster.d
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/holdfast.conf
      fi ;;
  esac
  echo "Installing from Debian: ${missing[*]}"
  log=$(mktemp)
  if (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}") >"$log" 2>&1; then
    rm -f "$log"
    exit 0
  fi
  tail -n 5 "$log" >&2
  rm -f "$log"
fi
echo "MISSING on this machine: ${missing[*]}" >&2
echo "Install it as root: apt-get install ${missing[*]}" >&2
exit 1
