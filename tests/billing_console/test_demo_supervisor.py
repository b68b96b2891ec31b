"""The demo's processes run together and end together."""

import socket
import sys
import time
from pathlib import Path

import pytest

from billing_console.demo import supervise


def write_number(file: Path) -> list[str]:
    """Return a command that writes its process number and stays."""
    code = f"import os, time; open({str(file)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    return [sys.executable, "-c", code]


def runs(file: Path) -> bool:
    return Path(f"/proc/{file.read_text()}").exists()


def test_all_end_when_the_end_is_asked_for(tmp_path: Path) -> None:
    files = [tmp_path / "one", tmp_path / "two"]
    commands = {file.name: write_number(file) for file in files}

    def stop() -> None:
        raise supervise.Stopped

    with pytest.raises(supervise.Stopped):
        supervise.run(
            commands,
            is_up=lambda: all(file.exists() and file.read_text() for file in files),
            ready=stop,
        )

    assert [runs(file) for file in files] == [False, False]


def test_others_end_when_one_dies(tmp_path: Path) -> None:
    file = tmp_path / "stays"
    dies = f"import os, time\nwhile not os.path.exists({str(file)!r}): time.sleep(0.05)\nexit(3)"
    commands = {"stays": write_number(file), "dies": [sys.executable, "-c", dies]}

    with pytest.raises(supervise.ChildDied, match="dies ended with exit status 3"):
        supervise.run(commands, is_up=lambda: True, ready=lambda: None)

    time.sleep(0.1)
    assert file.exists()
    assert not file.read_text() or not runs(file)


def test_port_that_is_taken_is_not_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        assert not supervise.port_is_free(taken.getsockname()[1])
