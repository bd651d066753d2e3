"""deploy/setup, with apt, dpkg and pip replaced by programs that write down how they were called."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

REAL_SETUP = Path(__file__).parents[3] / "deploy" / "setup"
RUNTIME_PACKAGES = (
    *("ca-certificates", "python3", "python3-venv", "python3-bpfcc", "python3-seccomp"),
    *("bpftrace", "libseccomp2", "libstdc++6", "libuid-wrapper"),
)
DEV_PACKAGES = ("gcc", "git", "libbpf-tools", "libc6-dev")

pytestmark = pytest.mark.skipif(
    "VERSION_CODENAME=bookworm" not in Path("/etc/os-release").read_text(), reason="deploy/setup is for Debian 12"
)

DPKG_QUERY = """#!/bin/sh
for package; do grep -qx "$package" "$FAKES/installed" && echo "installed $package"; done
exit 1
"""
APT_GET = """#!/bin/sh
echo "$*" >>"$FAKES/apt-calls"
for word; do echo "$word" >>"$FAKES/installed"; done
"""
PIP = """
import os, pathlib, sys
fakes = pathlib.Path(os.environ["FAKES"])
with (fakes / "pip-calls").open("a") as calls:
    print(*sys.argv[1:], file=calls)
if (fakes / "pip-waits").exists():
    (fakes / "pip-waits").read_text()
if (fakes / "pip-fails").exists():
    print("WARNING: something harmless")
    sys.exit("ERROR: No matching distribution found for grpcio")
for name in ("fleettrace", "fleettrace-agent"):
    script = pathlib.Path(sys.prefix, "bin", name)
    script.write_text("#!/bin/sh\\n")
    script.chmod(0o755)
"""


@dataclass
class Checkout:
    """A checkout with nothing but what deploy/setup reads, and the programs that it calls."""

    directory: Path
    prefix: list[str] = field(default_factory=list)

    @property
    def fakes(self) -> Path:
        return self.directory / "fakes"

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self.fakes}:{os.environ['PATH']}"
        return {**os.environ, "FAKES": str(self.fakes), "PATH": path, "PYTHONPATH": str(self.fakes)}

    def command(self, *arguments: str) -> list[str]:
        return [*self.prefix, str(self.directory / "deploy" / "setup"), *arguments]

    def setup(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, check=False, cwd="/"
        )

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(self.command(), env=self.environment, stderr=subprocess.PIPE, text=True)

    def calls(self, program: str) -> list[str]:
        log = self.fakes / f"{program}-calls"
        return log.read_text().splitlines() if log.exists() else []

    def have_installed(self, *packages: str) -> None:
        (self.fakes / "installed").write_text("".join(f"{package}\n" for package in packages))

    def make_venv(self) -> None:
        """The environment that setup makes, without the two seconds that its pip takes."""
        command = ["/usr/bin/python3", "-m", "venv", "--system-site-packages", "--without-pip"]
        subprocess.run([*command, self.directory / ".venv"], check=True)


@pytest.fixture
def checkout() -> Iterator[Checkout]:
    with tempfile.TemporaryDirectory() as name:
        made = Checkout(Path(name).resolve())
        made.directory.chmod(0o755)
        (made.directory / "deploy").mkdir()
        shutil.copy(REAL_SETUP, made.directory / "deploy" / "setup")
        (made.directory / "pyproject.toml").write_text("[project]\nname = 'fleettrace'\n")
        made.fakes.mkdir()
        for program, text in (("dpkg-query", DPKG_QUERY), ("apt-get", APT_GET)):
            (made.fakes / program).write_text(text)
            (made.fakes / program).chmod(0o755)
        made.have_installed(*RUNTIME_PACKAGES, *DEV_PACKAGES)
        (made.fakes / "pip").mkdir()
        (made.fakes / "pip" / "__init__.py").touch()
        (made.fakes / "pip" / "__main__.py").write_text(PIP)
        (made.fakes / "bcc.py").write_text("class BPF: pass\n")
        yield made


def test_it_makes_the_venv_from_the_system_interpreter_and_installs_the_project(checkout: Checkout) -> None:
    # GIVEN a fresh checkout on a machine that has the packages

    # WHEN it is set up from another directory
    done = checkout.setup()

    # THEN there is a venv that sees Debian's packages, and pip was asked for the project with its extras
    assert done.returncode == 0, done.stderr
    settings = (checkout.directory / ".venv" / "pyvenv.cfg").read_text()
    assert "include-system-site-packages = true" in settings
    assert "home = /usr/bin" in settings
    (call,) = checkout.calls("pip")
    assert call.endswith(f"--editable {checkout.directory}[controller,agent]")
    assert checkout.calls("apt") == []
    assert done.stdout == ""


def test_a_second_call_does_nothing(checkout: Checkout) -> None:
    checkout.make_venv()
    checkout.setup()

    again = checkout.setup()

    assert (again.returncode, again.stderr) == (0, "setup: nothing is missing\n")
    assert len(checkout.calls("pip")) == 1


@pytest.mark.parametrize("changed", ["pyproject.toml", "deploy/setup"])
def test_a_changed_project_is_installed_again(checkout: Checkout, changed: str) -> None:
    checkout.make_venv()
    checkout.setup()

    with (checkout.directory / changed).open("a") as file:
        file.write("\n")
    done = checkout.setup()

    assert done.returncode == 0
    assert len(checkout.calls("pip")) == 2


def test_dev_serves_both_levels_and_the_base_level_does_not(checkout: Checkout) -> None:
    checkout.make_venv()

    # GIVEN the base level, WHEN dev is asked for, THEN its extra is installed
    checkout.setup()
    checkout.setup("--dev")
    assert checkout.calls("pip")[-1].endswith("[controller,agent,dev]")

    # GIVEN the dev level, WHEN either is asked for, THEN nothing is missing
    assert checkout.setup().stderr == checkout.setup("--dev").stderr == "setup: nothing is missing\n"

    # GIVEN a project that has changed since, WHEN the base level is asked for, THEN the dev level stays
    with (checkout.directory / "pyproject.toml").open("a") as file:
        file.write("\n")
    checkout.setup()
    assert checkout.calls("pip")[-1].endswith("[controller,agent,dev]")


@pytest.mark.parametrize("missing", ["bpftrace", "python3-bpfcc"])
def test_only_missing_packages_are_installed_and_only_then_lists_are_updated(checkout: Checkout, missing: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("installing packages needs root")
    checkout.make_venv()
    checkout.have_installed(*(name for name in RUNTIME_PACKAGES if name != missing))

    done = checkout.setup()

    assert done.returncode == 0, done.stderr
    update, install = checkout.calls("apt")
    assert "update" in update.split()
    assert install.endswith(f"install --yes --no-install-recommends {missing}")
    assert f"installing from Debian: {missing}\n" in done.stderr
    assert checkout.setup().stderr == "setup: nothing is missing\n"
    assert len(checkout.calls("apt")) == 2


def test_a_user_who_is_not_root_is_told_what_is_missing(checkout: Checkout) -> None:
    # GIVEN a missing package and an ordinary user
    checkout.have_installed(*RUNTIME_PACKAGES[1:])
    if os.geteuid() == 0:
        checkout.prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

    # WHEN it is set up
    done = checkout.setup()

    # THEN one sentence names the package and the way out, and nothing was begun
    assert done.returncode == 6
    assert done.stderr.splitlines()[-1] == (
        "setup: the Debian packages ca-certificates are missing and only root can install them: run it again with sudo"
    )
    assert not (checkout.directory / ".venv").exists()
    assert checkout.calls("apt") == []


def test_a_venv_of_another_interpreter_is_made_anew(checkout: Checkout) -> None:
    checkout.make_venv()
    settings = checkout.directory / ".venv" / "pyvenv.cfg"
    settings.write_text(settings.read_text().replace("home = /usr/bin", "home = /opt/python/bin"))

    done = checkout.setup()

    assert done.returncode == 0
    assert "it was not made from /usr/bin/python3" in done.stderr
    assert "home = /usr/bin" in settings.read_text()


def test_the_bcc_of_pypi_is_not_taken_for_the_one_that_traces(checkout: Checkout) -> None:
    checkout.make_venv()
    (checkout.fakes / "bcc.py").write_text("'''a library about lattices'''\n")

    done = checkout.setup()

    assert done.returncode == 6
    assert "'import bcc' is not iovisor's BCC" in done.stderr
    assert checkout.calls("pip") == []


def test_a_failing_step_shows_its_output_and_the_next_call_tries_again(checkout: Checkout) -> None:
    checkout.make_venv()
    (checkout.fakes / "pip-fails").touch()

    failed = checkout.setup()

    assert failed.returncode == 1
    assert "ERROR: No matching distribution found for grpcio" in failed.stderr
    assert "setup: this step failed" in failed.stderr.splitlines()[-1]
    (checkout.fakes / "pip-fails").unlink()
    assert checkout.setup().returncode == 0


def test_the_second_of_two_at_once_waits_and_finds_everything_done(checkout: Checkout) -> None:
    # GIVEN a set-up that is in the middle of its work
    checkout.make_venv()
    os.mkfifo(checkout.fakes / "pip-waits")
    first = checkout.start()
    release = (checkout.fakes / "pip-waits").open("w")  # returns once pip has opened the other end

    # WHEN another one is started, and the first may go on
    second = checkout.start()
    assert second.stderr is not None
    assert second.stderr.readline() == "setup: waiting for another set-up of this checkout\n"
    release.close()
    outputs = [process.communicate()[1] for process in (first, second)]

    # THEN both are content and the work was done once
    assert [first.returncode, second.returncode] == [0, 0], outputs
    assert len(checkout.calls("pip")) == 1


def test_another_system_is_refused_by_name(checkout: Checkout) -> None:
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("showing it another /etc/os-release needs root and a mount namespace")
    release = checkout.directory / "os-release"
    release.write_text('ID=ubuntu\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04 LTS"\n')
    script = 'mount --bind "$0" /etc/os-release && exec "$@"'
    checkout.prefix = ["unshare", "--mount", "sh", "-c", script, str(release)]

    done = checkout.setup()

    assert done.returncode == 6
    assert done.stderr == (
        "setup: this is Ubuntu 24.04 LTS and it knows only Debian 12, with its python3-bpfcc:"
        " run it on such a machine\n"
    )


def test_an_unknown_argument_is_refused(checkout: Checkout) -> None:
    done = checkout.setup("--fast")

    assert done.returncode == 2
    assert done.stderr == "setup: it takes no argument but --dev or --vm, not: --fast\n"


def test_help_says_what_it_does(checkout: Checkout) -> None:
    done = checkout.setup("--help")

    assert done.returncode == 0
    assert "deploy/setup --dev" in done.stdout
