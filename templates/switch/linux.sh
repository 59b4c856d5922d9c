# A Linux NOS with ifupdown2: what Anneal reads of it, and how its interfaces files are changed. Words for who calls.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
setting() { # of ifupdown2.conf, or what stands behind it
    told=$(sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*//p" /etc/network/ifupdown2/ifupdown2.conf 2>/dev/null | tail -n 1)
    echo "${told:-$2}"
}
main=$(setting default_interfaces_configfile /etc/network/interfaces)
applied=$(setting state_dir /var/tmp/network)/ifstatenew # ifupdown2 writes it with whatever it applies
seen=

paths() { # of a file and those that its `source` lines name, each once
    case " $seen " in *" $1 "*) return 0 ;; esac
    seen="$seen $1"
    echo "$1"
    for found in $(sed -n 's/^[[:space:]]*source[[:space:]]\{1,\}\([^[:space:]]*\).*/\1/p' "$1"); do
        if [ -f "$found" ]; then paths "$found"; fi
    done
}

in_force() { # where what was last applied of PATH is: a change that waits for its word is not in PATH
    for own in "$room"/anneal-*; do
        [ "$(cat "$own/status" 2>/dev/null)" = committed ] || continue
        number=$(grep -nxF "$1" "$own/paths" | cut -d: -f1)
        if [ -n "$number" ] && [ -f "$own/after.$number" ]; then echo "$own/after.$number"; return; fi
    done
    echo "$1"
}

edges() { # what mstpd says of the ports whose spanning tree it runs
    command -v mstpctl >/dev/null || return 0
    for port in /sys/class/net/*/brport; do
        port=${port%/brport}
        bridge=$(readlink -f "$port/master")
        [ "$(cat "$bridge/bridge/stp_state" 2>/dev/null)" = 2 ] || continue
        echo "${port##*/} $(mstpctl showportdetail "${bridge##*/}" "${port##*/}" | grep 'admin edge port')"
    done
}

bypasses() { # what a kernel that knows it, Cumulus', does with a bond that hears no partner: `NAME on 1`
    for bypass in /sys/class/net/*/bonding/lacp_bypass; do
        [ -e "$bypass" ] || continue
        bond=${bypass%/bonding/*}
        echo "${bond##*/} $(cat "$bypass")"
    done
}

world() { # ROOM
    room=$1
    command -v ifreload >/dev/null || { echo "it has no ifreload, which is of ifupdown2"; exit 1; }
    [ -r "$main" ] || { echo "it has no $main"; exit 1; }
    echo "== links" && ip -d -j link show && echo
    echo "== vlans" && bridge -j vlan show && echo
    echo "== speeds"
    for net in /sys/class/net/*; do echo "${net##*/} $(cat "$net/speed" 2>/dev/null)"; done
    echo "== edges"
    edges
    echo "== bypasses"
    bypasses
    echo "== files"
    for path in $(paths "$main"); do echo "$path $(base64 -w 0 <"$(in_force "$path")")"; done
    echo "== end"
}

one_port() {
    net=/sys/class/net/$1
    echo "$1 $(cat "$net/mtu") $(readlink "$net/master") $(ip -o link show dev "$1" up | wc -l) $(cat "$net/ifalias")"
    bridge vlan show dev "$1"
}

watched() { # PORTS: what a change of them builds on
    for path in $(paths "$main"); do cksum "$path"; done
    for port; do
        one_port "$port" 2>/dev/null
        master=$(readlink -f "/sys/class/net/$port/master")
        if [ -d "$master/bonding" ]; then one_port "${master##*/}"; fi
    done
}

ground() { # ROOM PORTS: all that a candidate is made of
    (shift && echo "== watched" && watched "$@")
    echo "== pending"
    for path in $(paths "$main"); do if [ "$path" -nt "$applied" ] && [ -e "$applied" ]; then echo "$path"; fi; done
    echo "== faults"
    ifreload -a -s 2>&1 | grep '^error'
    world "$1"
}

facts() {
    echo "== release" && cat /etc/os-release
    echo "== hostname" && hostname
    echo "== uptime" && cat /proc/uptime
    echo "== model" && cat /sys/class/dmi/id/product_name 2>/dev/null
    echo "== serial" && cat /sys/class/dmi/id/product_serial 2>/dev/null
    echo "== eeprom" && { decode-syseeprom || onie-syseeprom; } 2>/dev/null
    echo "== end"
}

# From here on: within a candidate's directory. `paths` has a file's path a line, whose text before and after is in
# `before.LINE` and `after.LINE`, as base64 in `.b64`; `names` has the interfaces that are ours to change.
unpack() {
    for packed in *.b64; do
        if [ -f "$packed" ]; then base64 -d "$packed" >"${packed%.b64}"; fi
    done
}

each() { # VERB WORDS: `VERB PATH LINE WORDS` of each file
    verb=$1 number=0
    shift
    while read -r path; do
        [ -n "$path" ] || continue
        number=$((number + 1))
        "$verb" "$path" "$number" "$@" || return
    done <paths
}

write() { # PATH FILE: whole or not at all; owner and mode stay
    real=$(readlink -f "$1")
    new=${real%/*}/.anneal-new
    cp -p "$real" "$new" && cat "$2" >"$new" && sync "$new" && mv "$new" "$real"
}

swap() { # PATH LINE FROM TO
    if cmp -s "$1" "$4.$2"; then return; fi
    cmp -s "$1" "$3.$2" || { echo "$1 was changed by somebody else since"; return 1; }
    write "$1" "$4.$2"
}

note_time() { touch -r "$1" "time.$2"; }

put_back() { # PATH LINE: unless somebody else wrote it since
    if cmp -s "$1" "after.$2"; then write "$1" "before.$2"; fi
    if [ -e "time.$2" ] && cmp -s "$1" "before.$2"; then touch -r "time.$2" "$1"; fi
}

mark_applied() { if [ -e "$applied" ]; then touch -r "$applied" "$1"; fi; }

reload() { # an error that names another interface was there before
    for try in 1 2 3 4 5 6 7 8 9 10; do
        code=0
        ifreload -a >said 2>&1 || code=$?
        grep -q 'nother instance' said || break
        code=1
        sleep 1
    done
    [ "$code" = 0 ] && return
    grep '^error: [[:alnum:]._-]*: ' said | grep -vwF -f names >theirs
    [ -s theirs ] && [ "$(grep -c '^error' said)" = "$(grep -c . theirs)" ] && return
    cat said
    return 1
}

check() { # PORTS
    watched "$@" >now && cmp -s now watched
}

apply() { # the files say it only while ifreload reads them: a restart before the confirmation comes up without it
    unpack && each note_time && each swap before after && reload
    code=$?
    each put_back
    return "$code"
}

restore() {
    unpack
    if [ -e kept ]; then each swap after before || return; else each put_back; fi
    reload
}

keep() {
    unpack && each swap before after && each mark_applied && : >kept
}
