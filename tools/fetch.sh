# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# One file from elsewhere, kept in ${FPG_CACHE:-~/.cache/firstpage} and compared with its sum at every use: the sum, not
# the place it came from, is what we trust. Sourced by the fetch_… scripts, which set before:
#   what    what it is, for messages         name  the file's name        sum   its SHA-256
#   urls    where to try by curl or wget     die   a function that ends the script with a reason
#   apt_get a function: `apt-get "${opt[@]}" …` that leaves $name in the current folder
#   arch    only for a package of another architecture than this computer's: its name

good() { [ -f "$1" ] && [ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$sum" ]; }

# apt with a state of its own: it touches nothing of the system's, and needs no root.
by_apt() { # SOURCE LINE'S TYPE (deb or deb-src)
	command -v apt-get >/dev/null || return 1
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -f "$keyring" ] || return 1
	mkdir -p "$work/lists/partial" "$work/cache/archives/partial" || return 1
	: >"$work/status"
	echo "$1 [${arch:+arch=$arch }signed-by=$keyring] http://deb.debian.org/debian trixie main" >"$work/sources.list"
	opt=(-q -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State=$work" -o "Dir::State::status=$work/status" -o "Dir::Cache=$work/cache"
		-o APT::Get::List-Cleanup=0 -o Acquire::Languages=none)
	[ -z "${arch:-}" ] || opt+=(-o "APT::Architectures::=$arch")
	[ "$(id -u)" -ne 0 ] || opt+=(-o APT::Sandbox::User=root)
	(cd "$work" && apt-get "${opt[@]}" update && apt_get) >"$work/log" 2>&1 || return 1
	[ -f "$work/$name" ] && mv "$work/$name" "$work/got"
}

by_url() {
	local url
	for url in $urls; do
		if command -v curl >/dev/null; then
			curl -fsSL --max-time 120 -o "$work/got" "$url" 2>>"$work/log" && return 0
		elif command -v wget >/dev/null; then
			wget -q -T 60 -O "$work/got" "$url" 2>>"$work/log" && return 0
		fi
	done
	return 1
}

# fetch TYPE DIR: sets $file to the file, fetched if need be; DIR takes the cache where there is no home.
fetch() {
	local cache=${FPG_CACHE:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/firstpage}
	{ mkdir -p "$cache" && [ -w "$cache" ]; } 2>/dev/null || cache=$2/cache
	mkdir -p "$cache" || die "cannot create $cache"
	file=$cache/$name
	if [ -f "$file" ]; then
		good "$file" || die "$file does not have the sum $sum: delete it and try again"
		return
	fi
	work=$(mktemp -d "$cache/fetch.XXXXXX") || die "cannot write to $cache"
	trap 'rm -rf "$work"' EXIT
	echo "  FETCH   $name"
	if ! by_apt "$1" && ! by_url; then
		tail -5 "$work/log" >&2
		die "cannot fetch $name (apt's trixie and $(sed 's,https*://\([^/]*\)/.*,\1,' <<<"$urls" | sort -u | paste -sd' ') were tried)"
	fi
	good "$work/got" || die "the $name that was fetched has the wrong sum (wanted $sum): not used"
	mv "$work/got" "$file" || die "cannot write $file"
}

# fetch_deb DEST FOLDER FILE: the files below FOLDER of the package $name, of which FILE is one, into DEST. DEST/.version
# says which version they are: $version, set before, too.
fetch_deb() {
	local up
	[ "$(cat "$1/.version" 2>/dev/null)" != "$version" ] || return 0
	mkdir -p "$1" || die "cannot create $1"
	fetch deb "$(dirname "$1")"
	command -v ar >/dev/null || die "no ar to unpack $name with"
	up=${2//[!\/]/}
	ar p "$file" data.tar.xz | tar -xJf - -C "$1" --strip-components=$((${#up} + 1)) --no-same-owner "./${2#/}" ||
		die "cannot unpack $file into $1"
	[ -f "$1/$3" ] || die "$file holds no $3"
	echo "$version" >"$1/.version"
}
