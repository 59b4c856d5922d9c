# What a switch keeps of a change itself: candidates, and for a committed one a timer that takes it back.
# Read by `sh -s -- ROOM VERB SESSION [SECONDS]`. A candidate is a directory with the scripts `check`, `apply`,
# `restore` and `keep`; `status` is staged, committed, failed (it could not be taken back), reverted or confirmed.
# Exit: 0 done, 10 somebody else is at it, 11 taken back already, 12 a script failed, 13 the switch is no longer as it
# was when this was staged. What was said goes to standard output.
set -u
umask 077
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
trap '' HUP PIPE
room=$1 verb=$2 session=${3:-} seconds=${4:-0}
own=$room/$session last=$room/last
LINE=20 # seconds to wait for whoever is at work

uptime_s() { cut -d. -f1 /proc/uptime; }
status() { cat "$1/status" 2>/dev/null || echo none; }
become() { echo "$1" >"$own/status.new" && mv "$own/status.new" "$own/status"; }
play() { (cd "$own" && sh "./$1" </dev/null) >"$own/says" 2>&1 9>&-; }
told() { tail -c 2000 "$own/says"; }
put() { cat >"$own/$1"; }

alone() {
    mkdir -p "$room" && exec 9>"$room/lock" || exit 12
    flock -w "$LINE" 9 || { echo "another has held $room/lock for $LINE s"; exit 10; }
}

finish() { # the candidate becomes the last one
    become "$1"
    rm -rf "$last"
    mv "$own" "$last"
}

restore() {
    if play restore; then finish reverted; return; fi
    told
    become failed
    return 1
}

left_s() { echo $(($(cat "$own/until") - $(uptime_s))); }

stage() {
    alone
    for other in "$room"/anneal-*; do
        case $(status "$other") in committed | failed)
            echo "${other##*/} waits for its word"
            exit 10 ;;
        esac
    done
    rm -rf "$own" && mkdir "$own" && candidate || exit 12
    become staged
}

commit() {
    alone
    [ "$(status "$own")" = staged ] || { echo "no such candidate"; exit 11; }
    play check || { told; rm -rf "$own"; exit 13; }
    echo $(($(uptime_s) + seconds)) >"$own/until"
    become committed
    timer
    play apply && return
    told
    restore
    exit 12
}

timer() { # it outlives this login, and holds no lock while it waits
    setsid sh "$own/keeper" "$room" await "$session" </dev/null >/dev/null 2>&1 9>&- &
}

await() {
    while [ "$(status "$own")" = committed ] && [ "$(left_s)" -gt 0 ]; do sleep 1; done
    exec 9>"$room/lock"
    flock 9
    tries=0
    while [ "$tries" -lt 10 ]; do
        case $(status "$own") in committed | failed) ;; *) exit 0 ;; esac
        restore && exit 0
        tries=$((tries + 1))
        sleep 3
    done
}

confirm() {
    alone
    case $(status "$own") in
        committed) [ "$(left_s)" -gt 0 ] || { restore; exit 11; } ;;
        none) was_last confirmed && exit 0; exit 11 ;;
        *) exit 11 ;;
    esac
    play keep || { told; restore; exit 12; }
    finish confirmed
}

was_last() { [ "$(cat "$last/session" 2>/dev/null)" = "$session" ] && [ "$(status "$last")" = "$1" ]; }

back() {
    alone
    case $(status "$own") in
        staged) rm -rf "$own"; return ;;
        none) was_last confirmed || return 0; mv "$last" "$own" ;;
    esac
    restore || exit 12
}

list() {
    for one in "$room"/anneal-*; do
        [ -d "$one" ] && echo "${one##*/} $(status "$one")"
    done
    return 0
}
