#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# build.sh PACKAGE [VERSION]   make a Debian package of ./synflood-xdp
#
# PACKAGE is the file to write, or its directory. Without VERSION it is that in Cargo.toml, with the time of the
# last commit: a package of a later one is newer. MAINTAINER='Name <address>' is who answers for it. Prints the file.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly CARGO_DEB=3.8.0

made=target/package
maintainer=${MAINTAINER:-$(sed -n 's/^maintainer = "\(.*\)"/\1/p' Cargo.toml)}
commit=$(git log -1 --format=%cd.%h --date=format:%Y%m%d%H%M%S 2>/dev/null) || commit=
version=${2:-$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)${commit:++git$commit}-1}

# Not in Debian.
if [[ $("$made/bin/cargo-deb" --version 2>/dev/null) != "cargo-deb $CARGO_DEB" ]]; then
	scripts/cargo.sh install --quiet --locked --force --root "$made" "cargo-deb@$CARGO_DEB"
fi
# Debian's own changelog, which is about the package. CHANGELOG.md is in it too. Root may have written the
# last one.
rm -f "$made/changelog"
cat >"$made/changelog" <<CHANGELOG
synflood-xdp ($version) unstable; urgency=medium

  * Made from the source of this version, whose changes are in changelog.gz.

 -- $maintainer  $(date --utc --rfc-email)
CHANGELOG
# With --no-build, as `make` has linked what is to be packaged.
PATH=$PWD/$made/bin:$PATH scripts/cargo.sh deb --quiet --no-build --no-strip --maintainer "$maintainer" \
	--deb-version "$version" --output "$1"
