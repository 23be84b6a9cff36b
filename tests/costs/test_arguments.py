"""What the command takes."""

import pytest

from sidecar.cli import main

WORK = ("costs", "--requests", "1", "--input-tokens", "1", "--output-tokens", "1")


@pytest.mark.parametrize(
    "arguments",
    [
        ("costs",),
        WORK,
        (*WORK, "--models"),
        (*WORK[:-2], "--models", "gpt-4o"),
        (*WORK, "--models", "gpt-4o", "--requests", "0"),
        (*WORK, "--models", "gpt-4o", "--requests", "many"),
        (*WORK, "--models", "gpt-4o", "--requests", "1.5"),
        (*WORK, "--models", "gpt-4o", "--input-tokens", "-1"),
        (*WORK, "--models", "gpt-4o", "--output-tokens", "1000000000001"),
    ],
)
def test_wrong_arguments_are_exit_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(arguments)

    assert leaving.value.code == 2
    assert "llm-sidecar costs" in capsys.readouterr().err


def test_more_cached_input_than_input_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main((*WORK, "--models", "gpt-4o", "--cached-input-tokens", "2")) == 2
    assert capsys.readouterr().err.startswith("--cached-input-tokens: ")


@pytest.mark.parametrize("names", [",", "", ",,"])
def test_a_list_without_a_name_is_exit_2_and_says_so(
    capsys: pytest.CaptureFixture[str], names: str
) -> None:
    assert main((*WORK, "--models", names)) == 2
    assert capsys.readouterr().err == "--models: names no model\n"


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(("costs", "--help"))

    assert "--models gpt-5-mini" in capsys.readouterr().out
