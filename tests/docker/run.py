"""``make docker``: builds the image, says how big it is and how fast it starts, and runs the tests that start it.

With ``BUILD_IMAGE`` (a program called with the folder and the image's name) the image is built by Buildah and started
by Podman; without it Docker does both. Not the tests themselves: those are ``test_image.py`` and ``test_start.py``.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.docker.engine import Engine, EngineMissing, builder_of, compose_options  # noqa: E402

STARTS = 3
"""How often the start is timed; the fastest counts, the others met a busy machine."""

PROGRAMS = {"sshfs": "sshfs", "sftp-server": "openssh-sftp-server", "faketime": "libfaketime"}
"""Programs and libraries the tests use on this machine, with the Debian package of each."""

PODMAN = {"podman": "podman", "runc": "runc", "catatonit": "catatonit"}
"""The same, where Podman starts the image."""


def present(name: str) -> bool:
    """Whether a program or library is on this machine."""
    places = {"sftp-server": "lib/openssh/sftp-server", "faketime": "lib/*/faketime/libfaketime.so.1"}
    return any(Path("/usr").glob(places[name])) if name in places else shutil.which(name) is not None


def install(wanted: dict[str, str]) -> None:
    """Install what is missing where that is possible, else say what to install; raises ``EngineMissing``."""
    packages = sorted(package for name, package in wanted.items() if not present(name))
    if not packages:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise EngineMissing(f"Missing here, by the names of Debian's packages: {' '.join(packages)}.")
    print(f"installing {' '.join(packages)}", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(("apt-get", "update", "-qq"), check=True, env=quiet, stdout=subprocess.DEVNULL)
    command = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages)
    subprocess.run(command, check=True, env=quiet, stdout=subprocess.DEVNULL)


def build(image: str) -> None:
    """Build the image; raises ``subprocess.CalledProcessError``."""
    builder = builder_of(os.environ)
    if builder is None:
        subprocess.run(("docker", "build", "--tag", image, "."), cwd=ROOT, check=True)
        return
    # The OCI's own format has no place for the health check.
    subprocess.run((builder, ".", image), cwd=ROOT, check=True, env={**os.environ, "BUILDAH_FORMAT": "docker"})


def measured(engine: Engine, image: str) -> str:
    """The image's size and the time from its start to the first answer, in words."""
    size = engine.image(image)["Size"] / 1e6
    du = engine.end(image, "-sk", "/opt/hub", options=("--entrypoint=du",))
    ours = int(du.text.split()[0]) / 1e3
    seconds = []
    for _ in range(STARTS):
        with engine.container(image, options=compose_options()) as hub:
            seconds.append(hub.start())
    return f"{image}: {size:.0f} MB, {ours:.0f} MB of it the hub; answers {min(seconds):.1f} s after its start"


def main() -> int:
    """Build, measure, test; the exit code is the tests'."""
    image = os.environ.get("IMAGE", "connector-hub")
    podman = builder_of(os.environ) is not None
    try:
        install({**PROGRAMS, **(PODMAN if podman else {})})
        engine = Engine.found(os.environ)
        build(image)
    except EngineMissing as wrong:
        print(wrong, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as wrong:
        print(f"{wrong.cmd[0]} ended with {wrong.returncode}.", file=sys.stderr)
        return 1
    print(measured(engine, image), flush=True)
    tests = (sys.executable, "-m", "pytest", "tests/docker", *sys.argv[1:])
    return subprocess.run(tests, cwd=ROOT, env={**os.environ, "HUB_DOCKER": "1", "IMAGE": image}).returncode


if __name__ == "__main__":
    sys.exit(main())
