#!/bin/sh
# The main job on a virtual rack: eight machines from powered off to proven network-ready. No root, nothing left behind
# but the record in .anneal/demo. `anneal` and `python` come from PATH.
set -eu
here=$(dirname "$0")
work=.anneal/demo
rm -rf "$work"
mkdir -p "$work/images"
cp -r "$here" "$work/site"
mkdir -p "$work/site/secrets"
python -c 'import secrets; print(secrets.token_urlsafe(12))' >"$work/site/secrets/bmc"
chmod 600 "$work/site/secrets/bmc"
export ANNEAL_SITE="$work/site" ANNEAL_STATE="$work/state" ANNEAL_IMAGES="$work/store"

python -m drivers.virtual.twin.stand_in "$work/images"
digest() { sha256sum "$work/images/$1" | cut -d' ' -f1; }
anneal image import --name twin-ramdisk --sha256 "$(digest vmlinuz)" --sha256 "$(digest initramfs)" \
    "$work/images/vmlinuz" "$work/images/initramfs" >/dev/null
anneal image import --name twin-os --sha256 "$(digest disk.raw)" "$work/images/disk.raw" >/dev/null

echo "== a virtual rack: 8 machines, powered off, and 2 switches"
anneal rack up "$work/site/twin.yaml" --state "$work/rack"
trap 'anneal rack down "$work/site/twin.yaml" --state "$work/rack"' EXIT

echo "== what would be done, before anything is touched (r1-n01 of 8)"
anneal plan r1-n01

echo "== discovered, inspected, wiped, installed, networked, proven (r1-n05 holds data: its erasure is consented to)"
anneal ready rack=r1 --wait --confirm-erase r1-n05

echo "== where they stand"
anneal status
cat <<END

Where to look next, with ANNEAL_SITE=$ANNEAL_SITE ANNEAL_STATE=$ANNEAL_STATE in the environment:
  anneal events r1-n05      what happened to the machine that held data
  anneal status --roles     every role with its evidence
  anneal why r1-n01         why a node is where it is
  docs/tutorial.md          the same step by step
END
