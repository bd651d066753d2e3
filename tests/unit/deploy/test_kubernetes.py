"""The Kubernetes manifests: of the published schemas, and as confined as they say."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from controller.policy.parse import parse_policy
from fleettrace.model.capability import TRACING_CAPABILITIES

FOLDER = Path(__file__).parents[3] / "deploy" / "kubernetes"
KUBERNETES = ("1.31", kubernetes_validate.latest_version())


def manifests() -> list[dict[str, Any]]:
    return [one for path in sorted(FOLDER.glob("*.yaml")) for one in yaml.safe_load_all(path.read_text())]


def found(kind: str, name: str) -> dict[str, Any]:
    (one,) = [one for one in manifests() if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return one


def pod(kind: str, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = found(kind, name)["spec"]["template"]["spec"]
    return spec


def containers() -> Iterator[dict[str, Any]]:
    for spec in (pod("DaemonSet", "fleettrace-agent"), pod("Deployment", "fleettrace-controller")):
        yield from (*spec.get("initContainers", ()), *spec["containers"])


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("manifest", manifests(), ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_a_manifest_is_of_the_published_schema(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_a_field_that_no_schema_knows_would_be_found() -> None:
    manifest = found("DaemonSet", "fleettrace-agent")
    manifest["spec"]["template"]["spec"]["containers"][0]["privilegd"] = False

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, KUBERNETES[0], strict=True)


def test_everything_is_in_one_namespace() -> None:
    assert {one["metadata"].get("namespace") for one in manifests() if one["kind"] != "Namespace"} == {"fleettrace"}


@pytest.mark.parametrize("container", list(containers()), ids=lambda one: one["name"])
def test_no_container_is_privileged_or_may_become_so(container: dict[str, Any]) -> None:
    context = container["securityContext"]

    assert not context.get("privileged", False)
    assert context["allowPrivilegeEscalation"] is False
    assert context["readOnlyRootFilesystem"] is True
    assert context["capabilities"]["drop"] == ["ALL"]
    assert set(container["resources"]["limits"]) == {"cpu", "memory"}


def test_an_agent_has_the_capabilities_of_tracing_and_no_other() -> None:
    (agent,) = pod("DaemonSet", "fleettrace-agent")["containers"]

    assert {f"CAP_{name}" for name in agent["securityContext"]["capabilities"]["add"]} == set(TRACING_CAPABILITIES)


def test_the_controller_has_none_and_is_not_root() -> None:
    spec = pod("Deployment", "fleettrace-controller")

    assert all("add" not in one["securityContext"]["capabilities"] for one in containers() if one["name"] != "agent")
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert not spec.get("hostPID", False)


def test_of_the_nodes_files_only_the_agents_own_can_be_written() -> None:
    spec = pod("DaemonSet", "fleettrace-agent")
    of_the_node = {volume["name"]: volume["hostPath"]["path"] for volume in spec["volumes"] if "hostPath" in volume}
    mounts = {one["name"]: one for one in spec["containers"][0]["volumeMounts"]}

    assert of_the_node == {
        "state": "/var/lib/fleettrace",
        "btf": "/sys/kernel/btf",
        "tracefs": "/sys/kernel/tracing",
        "cgroup": "/sys/fs/cgroup",
    }
    assert {name for name in of_the_node if not mounts[name].get("readOnly", False)} == {"state"}
    assert spec["hostPID"] is True
    assert not spec.get("hostNetwork", False)


def test_no_pod_has_a_token_of_the_cluster_and_no_account_of_ours_a_role() -> None:
    for kind, name in (("DaemonSet", "fleettrace-agent"), ("Deployment", "fleettrace-controller")):
        spec = pod(kind, name)
        assert spec["automountServiceAccountToken"] is False
        assert found("ServiceAccount", spec["serviceAccountName"])["automountServiceAccountToken"] is False
    subjects = [subject for one in manifests() if one["kind"] == "RoleBinding" for subject in one["subjects"]]
    assert {subject["kind"] for subject in subjects} == {"Group"}
    rules = [rule for one in manifests() if one["kind"] == "Role" for rule in one["rules"]]
    assert not any("*" in (*rule["verbs"], *rule["resources"], *rule["apiGroups"]) for rule in rules)
    assert all(rule.get("resourceNames") for rule in rules if "secrets" in rule["resources"])


def test_what_no_rule_allows_is_not_allowed_and_nobody_calls_an_agent() -> None:
    assert found("NetworkPolicy", "nothing")["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert found("NetworkPolicy", "agent")["spec"]["ingress"] == []
    assert found("NetworkPolicy", "controller")["spec"]["egress"] == []


def test_the_ports_of_controller_service_and_rules_agree() -> None:
    (controller,) = pod("Deployment", "fleettrace-controller")["containers"]
    listened = {int(port) for one in controller["args"] for port in re.findall(r"^--listen.*=0\.0\.0\.0:(\d+)$", one)}
    named = {port["containerPort"] for port in controller["ports"]}
    allowed = {
        port["port"] for rule in found("NetworkPolicy", "controller")["spec"]["ingress"] for port in rule["ports"]
    }

    assert named == allowed == {port["port"] for port in found("Service", "fleettrace")["spec"]["ports"]}
    assert named == listened


def test_the_example_policy_is_one() -> None:
    assert parse_policy(found("ConfigMap", "fleettrace-policy")["data"]["policy.toml"], "policy.toml").grants
