"""Text for a terminal of any width, with or without colours. What does not fit is counted, never dropped silently."""

from controller.report.text.approval import render_approval
from controller.report.text.audit import render_audit
from controller.report.text.comparison import render_before_after, render_comparison
from controller.report.text.coverage import reason_lines
from controller.report.text.doctor import render_doctor
from controller.report.text.evidence import evidence_lines
from controller.report.text.job import render_host, render_job, render_live
from controller.report.text.lists import render_host_list, render_jobs, render_tool, render_tools
from controller.report.text.outlier import render_hunt
from controller.report.text.policy import render_policy_answer, render_policy_check, render_policy_difference
from controller.report.text.probes import render_probes
from controller.report.text.progress import Progress
from controller.report.text.safe import Safe, clean

__all__ = [
    "Progress",
    "Safe",
    "clean",
    "evidence_lines",
    "reason_lines",
    "render_approval",
    "render_audit",
    "render_before_after",
    "render_comparison",
    "render_doctor",
    "render_host",
    "render_host_list",
    "render_hunt",
    "render_job",
    "render_jobs",
    "render_live",
    "render_policy_answer",
    "render_policy_check",
    "render_policy_difference",
    "render_probes",
    "render_tool",
    "render_tools",
]
