#!/bin/sh
# What the tests use of a Debian system, as far as it is missing: a browser, Prometheus, and what an image is built with.
set -eu

missing=
need() { # the package, then programs that any one of is enough
	package=$1
	shift
	for program; do
		if command -v "$program" >/dev/null; then return; fi
	done
	missing="$missing $package"
}

need chromium chromium chromium-browser google-chrome-stable google-chrome chrome
need prometheus prometheus
need buildah buildah
need debootstrap debootstrap

if [ -z "$missing" ]; then
	exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "Missing here:$missing. As root on Debian, make tools installs them by itself;"
	echo "the tests that need them are left out until they are there."
	exit 1
fi
apt-get update -qq
# shellcheck disable=SC2086  # a list of words
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
