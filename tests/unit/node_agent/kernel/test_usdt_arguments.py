import pytest

from fleettrace.errors import BadInput
from node_agent.kernel.usdt_arguments import ArgumentRead, Form, parse_argument

X86, ARM = "x86_64", "aarch64"


@pytest.mark.parametrize(
    ("machine", "text", "read"),
    [
        (X86, "-4@%edi", ArgumentRead(Form.REGISTER, 4, True, register=112)),
        (X86, "8@%rdi", ArgumentRead(Form.REGISTER, 8, False, register=112)),
        (X86, "-2@%r15w", ArgumentRead(Form.REGISTER, 2, True, register=0)),
        (X86, "1@%al", ArgumentRead(Form.REGISTER, 1, False, register=80)),
        (X86, "1@%sil", ArgumentRead(Form.REGISTER, 1, False, register=104)),
        (X86, "8@-8(%rbp)", ArgumentRead(Form.MEMORY, 8, False, -8, 32)),
        (X86, "4@(%rax)", ArgumentRead(Form.MEMORY, 4, False, 0, 80)),
        (X86, "-4@112(%rsp)", ArgumentRead(Form.MEMORY, 4, True, 112, 152)),
        (X86, "8@8(%rax,%rbx,4)", ArgumentRead(Form.INDEXED, 8, False, 8, 80, 40, 2)),
        (X86, "8@(%rax,%rbx)", ArgumentRead(Form.INDEXED, 8, False, 0, 80, 40, 0)),
        (X86, "4@$5", ArgumentRead(Form.CONSTANT, 4, False, 5)),
        (X86, "-4@$-5", ArgumentRead(Form.CONSTANT, 4, True, -5)),
        (X86, "%rdi", ArgumentRead(Form.REGISTER, 8, True, register=112)),
        (ARM, "-4@w3", ArgumentRead(Form.REGISTER, 4, True, register=24)),
        (ARM, "8@x30", ArgumentRead(Form.REGISTER, 8, False, register=240)),
        (ARM, "8@sp", ArgumentRead(Form.REGISTER, 8, False, register=248)),
        (ARM, "4@[sp, 60]", ArgumentRead(Form.MEMORY, 4, False, 60, 248)),
        (ARM, "4@[x29,-20]", ArgumentRead(Form.MEMORY, 4, False, -20, 232)),
        (ARM, "8@[x1]", ArgumentRead(Form.MEMORY, 8, False, 0, 8)),
        (ARM, "8@[x1, x2]", ArgumentRead(Form.INDEXED, 8, False, 0, 8, 16)),
        (ARM, "-8@-7", ArgumentRead(Form.CONSTANT, 8, True, -7)),
    ],
)
def test_operands(machine: str, text: str, read: ArgumentRead) -> None:
    assert parse_argument(f"8@$1 {text} 4@$2" if machine == X86 else f"8@1 {text} 4@2", 1, machine) == read


@pytest.mark.parametrize("text", ["8@counter(%rip)", "8f@%xmm0", "-4@%xmm0", "8@%ah", "8@$", "8@foo", "3@%eax"])
def test_what_no_probe_can_read_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"its argument 0, .* is not a number that a probe can read"):
        parse_argument(text, 0, X86)


def test_an_argument_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadInput, match="it has 2 arguments, counted from 0, and no argument 2"):
        parse_argument("8@%rdi 8@%rsi", 2, X86)
    with pytest.raises(BadInput, match="it has 0 arguments"):
        parse_argument("", 0, X86)
