import pytest

from controller.analysis.frames import is_application_frame


@pytest.mark.parametrize("frame", ["parse", "std::vector<int>::push_back", "handle_1", "0xdeadcafe_handler", "face"])
def test_named_functions_of_user_space_are_the_applications(frame: str) -> None:
    assert is_application_frame(frame)


@pytest.mark.parametrize(
    "frame", ["read_[k]", "main", "_start", "__libc_start_main_impl", "[unknown]", "[vdso]", "0x7f12", "00007f1234ab"]
)
def test_kernel_start_up_and_nameless_frames_are_not(frame: str) -> None:
    assert not is_application_frame(frame)
