"""Documents are proved: inputs are read in one instant, and all is worked out from them anew."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, NamedTuple

from django.db import connection

from accounts import audit
from accounts.models import Workspace
from accounts.tenancy import in_workspace, in_workspace_at_one_instant, read_as_operator
from invoices import contents, facturx, gathering
from invoices.gathering import Gathered
from invoices.issued import IssuedDocument
from invoices.proof import packing
from invoices.proof.checking import check
from invoices.proof.comparing import Difference
from invoices.proof.facts import CannotProve, Claim, Event, Inputs, canonical
from invoices.proof_claims import write_instant
from usage import retention
from usage.sessions import DAY, RULE, SECOND

ROWS_AT_ONCE = 5000
REACH_DAYS = 1  # so long a call or an agent may reach into what is counted

FIND = "SELECT workspace_id, id FROM invoices_issueddocument WHERE number = %(number)s"
# Streams with an event in the days that matter, each from its first event on: what began before
# may reach into them. Each stream is looked up by itself (LATERAL with OFFSET 0), by the indexes
# event_of_stream and event_uncounted, which only together have all of its events.
READ_EVENTS = """
SELECT bot.key, stream.channel, stream."user", stream.conversation, event.agent, event.at,
    event.type, event.direction, event.voice, event.developer, event.test, source.name,
    event.event_id, event.received_at
FROM unnest(%(bots)s::bigint[], %(keys)s::text[], %(starts)s::timestamptz[],
        %(ends)s::timestamptz[]) AS bot (id, key, starts_at, ends_at)
JOIN usage_stream stream ON stream.workspace_id = %(workspace)s AND stream.bot_id = bot.id
CROSS JOIN LATERAL (
    SELECT *, bool_or(at >= bot.starts_at AND at < bot.ends_at) OVER () AS touched
    FROM (
        SELECT * FROM usage_event
        WHERE workspace_id = %(workspace)s AND stream_id = stream.id
            AND NOT developer AND NOT test
        UNION ALL
        SELECT * FROM usage_event
        WHERE workspace_id = %(workspace)s AND stream_id = stream.id AND (developer OR test)
    ) stored
    WHERE received_at <= %(as_of)s
    OFFSET 0
) event
JOIN usage_eventsource source
    ON source.workspace_id = %(workspace)s AND source.id = event.source_id
WHERE stream.agent <> '' OR event.touched
ORDER BY bot.key COLLATE "C", stream.agent, stream.channel, stream."user", stream.conversation,
    event.at, event.type, source.name, event.event_id
"""
# Index session_of_bot.
FIND_RULES = """
SELECT DISTINCT session.rule
FROM unnest(%(bots)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
    AS bot (id, starts_at, ends_at)
JOIN usage_billingsession session
    ON session.workspace_id = %(workspace)s AND session.bot_id = bot.id
        AND session.started_at >= bot.starts_at AND session.started_at < bot.ends_at
WHERE session.rule <> %(rule)s
"""


class NoSuchDocument(LookupError):
    """There is no document of this number."""


class Proof(NamedTuple):
    """What came of a proof. ``reason``: why nothing can be proved; empty: it could be."""

    number: str
    kind: str
    sha256: str
    inputs: dict[str, int]
    differences: list[Difference]
    reason: str = ""
    note: str = ""

    @property
    def equal(self) -> bool:
        """Tell whether the document follows from its inputs."""
        return not self.reason and not self.differences

    def describe(self) -> dict[str, Any]:  # Any: JSON
        """Return it as the command prints it, and as it is stored."""
        said: dict[str, Any] = {
            "number": self.number,
            "kind": self.kind,
            "inputs": self.inputs,
            "inputs_sha256": self.sha256,
            "equal": self.equal,
        }
        if self.reason:
            said["cannot_be_proved"] = self.reason
        if self.differences:
            said["differences"] = [of._asdict() for of in self.differences]
        return said | ({"note": self.note} if self.note else {})


def find(number: str) -> tuple[int, int]:
    """Return workspace and id of a document, as the operator sees it.

    Raises:
        NoSuchDocument: there is none.
    """
    found = read_as_operator(FIND, {"number": number})
    if not found:
        raise NoSuchDocument(f"There is no document {number}.")
    return found[0][0], found[0][1]


def prove(*, workspace_id: int, document_id: int) -> Proof:
    """Work a document out anew and compare; its inputs lie in a folder of their own meanwhile."""
    with TemporaryDirectory() as folder:
        return prove_in(Path(folder), workspace_id=workspace_id, document_id=document_id)


def prove_in(
    folder: Path,
    *,
    workspace_id: int,
    document_id: int,
    progress: Callable[[int], None] = lambda events: None,
) -> Proof:
    """As `prove`; the inputs stay in ``folder``, as its bundle has them.

    ``progress`` is told how many events were counted. Nothing is locked, and no transaction is
    open while it counts.
    """
    with in_workspace_at_one_instant(workspace_id):
        document = read_document(workspace_id, document_id)
        try:
            write_inputs(document, folder)
        except CannotProve as error:
            return Proof(document.number, document.kind, "", {}, [], reason=str(error))
    return compute(document, folder, progress)


def record(proof: Proof, *, workspace_id: int) -> None:
    """Note in the audit log that a document was proved, and what came of it."""
    after = {"equal": proof.equal, "inputs_sha256": proof.sha256}
    after |= {"cannot_be_proved": proof.reason} if proof.reason else {}
    with in_workspace(workspace_id):
        workspace = Workspace.objects.get(pk=workspace_id)
        audit.record(f"{proof.kind}.proved", workspace=workspace, target=proof.number, after=after)


def compute(document: IssuedDocument, folder: Path, progress: Callable[[int], None]) -> Proof:
    """Return what comes of the inputs in a folder."""
    digest = packing.digest_files(folder)
    claim: Claim = json.loads((folder / packing.DOCUMENT).read_text("utf-8"))
    inputs: Inputs = json.loads((folder / packing.INPUTS).read_text("utf-8"))
    try:
        result = check(claim, inputs, read_back(folder / packing.EVENTS), progress=progress)
    except CannotProve as error:
        return Proof(document.number, document.kind, digest, {}, [], reason=str(error))
    return Proof(
        document.number, document.kind, digest, result.inputs, result.differences, note=result.note
    )


def read_document(workspace_id: int, document_id: int) -> IssuedDocument:
    """Return a document with all that its proof looks at first."""
    documents = IssuedDocument.objects.for_workspace(workspace_id).select_related(
        "workspace", "currency", "file", "order__bot", "order__version__plan", "order__lot",
        "corrects",
    )  # fmt: skip
    return documents.get(pk=document_id)


def write_inputs(document: IssuedDocument, folder: Path) -> None:
    """Write what is claimed and its inputs into a folder.

    Raises:
        CannotProve: they are not there any more, or follow another rule.
    """
    gathered = gathering.gather(document)
    check_kept(document, gathered)
    find_rule(document, gathered)
    (folder / packing.DOCUMENT).write_bytes(canonical(gathered.claim))
    (folder / packing.INPUTS).write_bytes(canonical(gathered.inputs))
    with (folder / packing.EVENTS).open("wb") as file:
        write_events(document, gathered, file)


def check_kept(document: IssuedDocument, gathered: Gathered) -> None:
    """Refuse where events that matter may be removed.

    Raises:
        CannotProve: they may.
    """
    kept = retention.counted_from(document.workspace)
    if kept is None or not gathered.windows:
        return
    needed = min(starts_at for starts_at, _ in gathered.windows.values())
    if (needed - kept).total_seconds() * SECOND < REACH_DAYS * DAY:
        raise CannotProve(
            f"It needs the events since {needed:%Y-%m-%d}, and the workspace keeps those since"
            f" {kept:%Y-%m-%d} only: older ones are removed."
        )


def find_rule(document: IssuedDocument, gathered: Gathered) -> None:
    """Note by which rule the sessions were counted, where it is not the one that is known."""
    with connection.cursor() as cursor:
        cursor.execute(FIND_RULES, {**bind(document, gathered), "rule": RULE})
        for (rule,) in cursor.fetchall():
            gathered.inputs["rule"] = rule


def bind(document: IssuedDocument, gathered: Gathered) -> dict[str, Any]:
    """Return the values of the statements about bots."""
    windows = gathered.windows
    return {
        "workspace": document.workspace_id,
        "bots": list(windows),
        "keys": [gathered.bots[bot].key for bot in windows],
        "starts": [starts_at for starts_at, _ in windows.values()],
        "ends": [ends_at for _, ends_at in windows.values()],
        "as_of": gathered.inputs["as_of"],
    }


def write_events(document: IssuedDocument, gathered: Gathered, file: IO[bytes]) -> None:
    """Write the events that matter, one a line, by as little memory for a million as for one."""
    if not gathered.windows:
        return
    with connection.chunked_cursor() as cursor:
        cursor.execute(READ_EVENTS, bind(document, gathered))
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            file.writelines(canonical(describe(*row)) for row in rows)


def describe(*row: Any) -> Event:  # Any: what stands in a column
    """Return an event as proofs have it; what is not said is left out."""
    *names, at, type_, direction, voice, developer, test, source, event_id, received_at = row
    said: dict[str, Any] = dict(
        zip(("bot", "channel", "user", "conversation", "agent"), names, strict=True)
    )
    said |= {"direction": direction, "voice": voice, "developer": developer, "test": test}
    event: Event = {name: value for name, value in said.items() if value}  # type: ignore[assignment]  # as it has to be
    event["at"], event["received_at"] = write_instant(at), write_instant(received_at)
    event["type"], event["source"], event["id"] = type_, source, event_id
    return event


def read_back(path: Path) -> Iterator[Event]:
    """Yield the events of a folder."""
    with path.open("rb") as lines:
        for line in lines:
            yield json.loads(line)


def digest_xml(document: IssuedDocument) -> str:
    """Return the SHA-256 of the XML of a document, written anew from all that it says."""
    return hashlib.sha256(facturx.write(contents.read(document))).hexdigest()
