import os
import subprocess
import sys
from pathlib import Path

from deploy.demo_fleet.hosts import HOSTS, SLOW_HOST, workload_command
from fleettrace.model.names import check_host_name, check_labels


def test_the_hosts_have_valid_names_and_labels_and_one_is_slow() -> None:
    for host in HOSTS:
        assert check_host_name(host.name) == host.name
        assert check_labels(host.labels) == host.labels
    names = [host.name for host in HOSTS]
    assert len(set(names)) == len(names) >= 4
    assert SLOW_HOST in names


def test_a_service_is_pairs_that_end_with_it() -> None:
    # GIVEN a service that is up
    command = workload_command(Path(sys.executable), HOSTS[0])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        assert service.stdout.readline() == "ready\n"
        pairs = children(service.pid)
        handles = [os.pidfd_open(pid) for pid in pairs]

        # THEN it has three pairs
        assert len(pairs) == 6

        # WHEN it is killed
        service.kill()
        service.wait()

        # THEN they end too: the last of them closes the output
        assert service.stdout.read() == ""
        for handle in handles:
            os.close(handle)


def children(parent: int) -> list[int]:
    """The processes whose parent this is, by field 4 of proc(5)'s stat."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        if int(text.rpartition(")")[2].split()[1]) == parent:
            found.append(int(stat.parent.name))
    return found
