#!/usr/bin/env bash
# Print the path of the restic of the next Debian release, fetched once by apt into a cache outside this clone.
#
# Nothing is installed: apt reads the release's signed lists into a directory of its own, checks the package by them,
# and it is unpacked. On amd64 it must also be the bytes named here. `--offline` prints what is there and fetches nothing.
set -eu
suite=trixie version=0.18.0-1+b4
sha256_amd64=4888fb20b272a28b84ac39171b7d7f0d9a58c2aeae51ec28e54684648d66e12c
home=${XDG_CACHE_HOME:-$HOME/.cache}/holdfast/restic-$suite-$version
program=$home/usr/bin/restic
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

missing() {
  echo "MISSING on this machine: the restic of Debian $suite ($version): $1" >&2
  echo "Say where one is (0.18 or newer): export HOLDFAST_TEST_RESTIC=/path/to/restic" >&2
  exit 1
}

if [ -n "${HOLDFAST_TEST_RESTIC:-}" ]; then
  [ -x "$HOLDFAST_TEST_RESTIC" ] || missing "HOLDFAST_TEST_RESTIC is no program"
  echo "$HOLDFAST_TEST_RESTIC"
  exit 0
fi
if [ -x "$program" ]; then echo "$program"; exit 0; fi
[ "${1:-}" != --offline ] || missing "not fetched yet: make system-parts"
for tool in apt-get dpkg-deb flock sha256sum; do
  command -v "$tool" >/dev/null 2>&1 || missing "no $tool to fetch it with"
done
[ -r "$keyring" ] || missing "no $keyring to check it by"

mkdir -p "$(dirname "$home")"
exec 9>"$(dirname "$home")/.restic.lock"
flock 9
if [ -x "$program" ]; then echo "$program"; exit 0; fi
work=$(mktemp -d "$(dirname "$home")/.restic-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists,cache/archives,deb,out}/partial
options=(-o "Dir::Etc::SourceList=$work/list.sources" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$work/lists"
  -o "Dir::Cache=$work/cache" -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
  -o APT::Sandbox::User= -o APT::Update::Error-Mode=any -o Acquire::Retries=3 -q)

# The mirrors this machine trusts already, the archive's before others; security has no such suite.
mapfile -t mirrors < <(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' 2>/dev/null |
  awk '$3 == "main" && $2 !~ /security/ { print $1 }' | awk '!seen[$0]++')
[ ${#mirrors[@]} -gt 0 ] || missing "apt names no mirror with a component main"
for mirror in "${mirrors[@]}"; do
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$mirror" "$suite" "$keyring" >"$work/list.sources"
  if apt-get "${options[@]}" update >"$work/log" 2>&1 && (cd "$work/deb" && apt-get "${options[@]}" download restic) >>"$work/log" 2>&1; then
    deb=$(compgen -G "$work/deb/restic_*.deb" | head -n 1)
    break
  fi
done
if [ -z "${deb:-}" ]; then
  tail -n 5 "$work/log" >&2
  missing "no mirror of this machine's apt sources has the suite $suite"
fi
[ "$(dpkg-deb -f "$deb" Version)" = "$version" ] || missing "the mirror has $(dpkg-deb -f "$deb" Version)"
if [ "$(dpkg-deb -f "$deb" Architecture)" = amd64 ]; then
  echo "$sha256_amd64  $deb" | sha256sum --check --status || missing "its SHA-256 is $(sha256sum "$deb" | cut -d' ' -f1)"
fi
dpkg-deb -x "$deb" "$work/out"
rm -rf "$work/out/partial"
"$work/out/usr/bin/restic" version >/dev/null || missing "it does not run here"
rm -rf "$home"
mv "$work/out" "$home"
echo "$program"
