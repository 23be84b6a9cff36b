"""Root file systems that stand in for the Dockerfile's bases, made of Debian's own packages.

They have the packages and the layout of debian:trixie-slim and of distroless/python3-debian13, but
are not those: what is proven on them is what the Dockerfile adds.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

# As distroless puts its images static, base, cc and python3 together for debian13.
DISTROLESS = (
    *("base-files", "media-types", "netbase", "tzdata", "tzdata-legacy"),
    *("libc6", "libssl3t64", "libzstd1", "zlib1g"),
    *("gcc-14-base", "libgcc-s1", "libgomp1", "libstdc++6"),
    *("libbz2-1.0", "libcom-err2", "libcrypt1", "libdb5.3t64", "libexpat1", "libffi8"),
    *("libgssapi-krb5-2", "libk5crypto3", "libkeyutils1", "libkrb5-3", "libkrb5support0"),
    *("liblzma5", "libncursesw6", "libnsl2", "libreadline8t64", "libsqlite3-0", "libtinfo6"),
    *("libtirpc3t64", "libuuid1"),
    *("libpython3.13-minimal", "libpython3.13-stdlib", "python3.13-minimal", "python3.13-venv"),
)
PASSWD = """\
root:x:0:0:root:/root:/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin
nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin
"""
GROUP = """\
root:x:0:
nobody:x:65534:
tty:x:5:
staff:x:50:
nonroot:x:65532:
"""


def bases() -> tuple[Path, Path]:
    """Tar files of the two, slim and distroless, made once for each version of this file.

    Raises subprocess.CalledProcessError where Debian's packages cannot be had.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")  # noqa: TID251
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    made = cache / "llm-sidecar" / "image-base" / recipe
    if not made.exists():
        making = made.with_name(f"{recipe}.{os.getpid()}")
        making.mkdir(parents=True)
        try:
            _make(making)
            making.rename(made)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return made / "slim.tar", made / "distroless.tar"


def _make(folder: Path) -> None:
    slim, distroless, packages = (folder / name for name in ("slim", "distroless", "packages"))
    _run("debootstrap", "--variant=minbase", "--include=ca-certificates", "trixie", str(slim))
    _download(slim, packages)
    _put_together(distroless, packages, slim / "etc/ssl/certs/ca-certificates.crt")
    _slim_down(slim)
    for root in (slim, distroless):
        _run("tar", "--create", "--file", f"{root}.tar", "--directory", str(root), ".")
        shutil.rmtree(root)
    shutil.rmtree(packages)


def _download(debian: Path, packages: Path) -> None:
    inside = debian / "packages"
    inside.mkdir()
    apt_get = f"apt-get -o APT::Sandbox::User=root download {' '.join(DISTROLESS)}"
    _run("chroot", str(debian), "sh", "-c", f"cd /packages && {apt_get}")
    inside.rename(packages)


def _put_together(root: Path, packages: Path, certificates: Path) -> None:
    known = root / "var/lib/dpkg/status.d"
    known.mkdir(parents=True)
    for package in sorted(packages.iterdir()):
        _run("dpkg-deb", "--extract", str(package), str(root))
        name = package.name.partition("_")[0]
        (known / name).write_text(_run("dpkg-deb", "--field", str(package)), encoding="utf-8")
    for alias in ("python", "python3"):
        (root / "usr/bin" / alias).symlink_to("/usr/bin/python3.13")
    (root / "etc/ssl/certs").mkdir(parents=True)
    shutil.copy(certificates, root / "etc/ssl/certs")
    (root / "etc/passwd").write_text(PASSWD, encoding="utf-8")
    (root / "etc/group").write_text(GROUP, encoding="utf-8")
    (root / "home/nonroot").mkdir(mode=0o700)
    os.chown(root / "home/nonroot", 65532, 65532)
    _run("ldconfig", "-r", str(root))


def _slim_down(root: Path) -> None:
    for folder in ("share/doc", "share/man", "share/locale"):
        shutil.rmtree(root / "usr" / folder)
    for folder in ("cache/apt", "lib/apt/lists"):
        shutil.rmtree(root / "var" / folder)
    for name in ("resolv.conf", "hostname"):
        (root / "etc" / name).unlink()


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
