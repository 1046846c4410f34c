# To be sourced: installs Debian packages without starting the servers that come with them.

# Servers are found in sbin, which is not on every user's path.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

# is_there WHAT  says whether a command is on the path, or a file (a path from the root, which may be
# a pattern) exists.
is_there() {
    case "$1" in
        /*) compgen -G "$1" >/dev/null ;;
        *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

# install_packages FOR WHAT:PACKAGE...  makes sure that every command or file is there.
install_packages() {
    local purpose="$1" pair missing=()
    shift
    for pair in "$@"; do
        if ! is_there "${pair%%:*}"; then
            case " ${missing[*]-} " in
                *" ${pair##*:} "*) ;;
                *) missing+=("${pair##*:}") ;;
            esac
        fi
    done
    if [ "${#missing[@]}" -eq 0 ]; then
        echo "what $purpose need is installed"
        return 0
    fi

    local as_root=()
    if ! command -v apt-get >/dev/null 2>&1; then
        give_hint "$purpose" "${missing[@]}"
    elif [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null 2>&1 || ! sudo -n true >/dev/null 2>&1; then
            give_hint "$purpose" "${missing[@]}"
        fi
        as_root=(sudo -n)
    fi

    echo "installing for $purpose: ${missing[*]}"
    ${as_root[@]+"${as_root[@]}"} bash "$(dirname "${BASH_SOURCE[0]}")/apt-install-quietly" "${missing[@]}"

    for pair in "$@"; do
        if ! is_there "${pair%%:*}"; then
            echo "${pair%%:*} is still missing" >&2
            give_hint "$purpose" "${missing[@]}"
        fi
    done
    echo "installed: ${missing[*]}"
}

# unpack_packages FOR FOLDER PACKAGE...  has the files of Debian packages in a folder, without installing
# them: none of them becomes part of the system.
unpack_packages() {
    local purpose="$1" folder="$2" whole
    shift 2
    if [ "$(cat "$folder/.unpacked" 2>/dev/null)" = "$*" ]; then
        echo "what $purpose unpack is there"
        return 0
    fi
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "$purpose need the files of Debian's packages $* below $folder" >&2
        exit 69
    fi
    echo "unpacking for $purpose: $*"
    rm -rf "$folder"
    mkdir -p "$folder"
    whole="$(mktemp -d)"
    if ! download_packages "$whole" "$@"; then
        # Lists that are old lead to files that are no longer there.
        apt-get update -q >/dev/null 2>&1 || sudo -n apt-get update -q >/dev/null 2>&1 || true
        if ! download_packages "$whole" "$@"; then
            tail -n 30 "$whole/log" >&2
            echo "failed: apt-get download $*" >&2
            rm -rf "$whole"
            exit 69
        fi
    fi
    for package in "$whole"/*.deb; do
        dpkg-deb --extract "$package" "$folder"
    done
    if [ -d "$folder/lib" ]; then
        cp -a "$folder/lib/." "$folder/usr/lib/"
        rm -rf "$folder/lib"
    fi
    rm -rf "$whole"
    echo "$*" >"$folder/.unpacked"
}

# download_packages FOLDER PACKAGE...  writes the packages into a folder, and what was said to its `log`.
download_packages() {
    (cd "$1" && shift && apt-get -o Acquire::Retries=3 download -q "$@" >log 2>&1)
}

# Says what to do by hand, and ends with 69 (could not start).
give_hint() {
    local purpose="$1"
    shift
    cat >&2 <<HINT
$purpose need: $*
Install them as root, for example on Debian or Ubuntu:
    apt-get update && apt-get install --no-install-recommends $*
(a slapd that the package starts on port 389 is not needed: systemctl disable --now slapd)
HINT
    exit 69
}
