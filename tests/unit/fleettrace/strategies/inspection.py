"""Questions to hosts besides traces, and their answers."""

from hypothesis import strategies as st

from fleettrace.model.inspection import (
    Answer,
    AskedHost,
    Check,
    ClockOffset,
    DoctorQuestion,
    DoctorReport,
    Grade,
    HostAnswer,
    ProbeArgument,
    ProbeList,
    ProbePoint,
    ProbesQuestion,
    Question,
    ToolTrial,
    TrialOutcome,
    Unanswered,
)
from tests.unit.fleettrace.strategies.basics import host_names, names, numbers, texts

probe_points = st.builds(
    ProbePoint, texts, st.lists(st.builds(ProbeArgument, texts, texts), max_size=2).map(tuple), texts
)
probe_lists = st.builds(
    ProbeList,
    st.lists(probe_points, max_size=3).map(tuple),
    st.integers(3, 9),
    st.lists(texts, max_size=2).map(tuple),
    st.lists(names, max_size=2).map(tuple),
)
trials = st.builds(ToolTrial, names, st.sampled_from(TrialOutcome), texts, texts, texts)
doctor_reports = st.builds(
    DoctorReport,
    st.lists(st.builds(Check, names, st.sampled_from(Grade), texts, texts), max_size=3).map(tuple),
    st.lists(trials, max_size=3).map(tuple),
)
findings = st.one_of(st.builds(Unanswered, names), probe_lists, doctor_reports)
small = st.integers(0, 1 << 31)
abouts = st.one_of(st.builds(DoctorQuestion), st.builds(ProbesQuestion, texts, texts, small, st.booleans(), small))
questions = st.builds(Question, names, st.integers(1, 1 << 31), abouts)
answers = st.builds(Answer, names, numbers, numbers, findings)
asked_hosts = st.builds(AskedHost, host_names, texts, st.lists(host_names, max_size=2).map(tuple))
clocks = st.builds(ClockOffset, st.integers(-(1 << 40), 1 << 40), numbers)
host_answers = st.builds(HostAnswer, host_names, findings, st.one_of(st.none(), clocks))
