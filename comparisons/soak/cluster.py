"""Chunks done on a Dask cluster: its workers each run the same processes, and findings come back with the results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gradtwin.errors import ArgumentValueError, BackendMissingError
from gradtwin.kept import digest_code

from .plan import Chunk
from .processes import Processes, WorkerPool

#: Seconds to wait for a scheduler that does not answer, and for its first worker.
PATIENCE = 30

#: How often a task is done again that failed for a reason of its worker's.
RETRIES = 3

_processes = Processes()


@contextmanager
def pool_on_cluster(address: str) -> Iterator[WorkerPool]:
    """Hand chunks to the cluster of a scheduler; a task whose worker dies is done again by another, a few times.

    Raises BackendMissingError without Dask, ArgumentValueError where no scheduler or worker answers, or the workers
    have other code than this.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise BackendMissingError(
            f"scheduler: Dask can't be imported ({error}). Install it with: pip install 'gradtwin[cluster]'"
        ) from error
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ArgumentValueError(
            f"scheduler: no answer from {address!r} ({error}). Start one with `dask scheduler`, and give its address."
        ) from error
    with client:
        _check_workers(client, address)
        executor = client.get_executor(pure=False, retries=RETRIES)
        try:
            yield WorkerPool(
                lambda chunks: executor.submit(do_chunks, list(chunks)), lambda: sum(client.nthreads().values())
            )
        finally:
            executor.shutdown(wait=False)
            client.run(end_processes, on_error="ignore")


def do_chunks(chunks: Sequence[Chunk]) -> list[dict[str, Any]]:
    """Do chunks on a worker of the cluster; each result has the `files` of its findings, by name."""
    with TemporaryDirectory(prefix="gradtwin-soak-") as folder:
        results = _processes.run(chunks, Path(folder))
        for result in results:
            files = Path(folder, "findings").glob(f"{result['finding']}.*")
            result["files"] = {file.name: file.read_bytes() for file in files}
    return results


def end_processes() -> None:
    """End the processes of a worker of the cluster."""
    global _processes
    _processes.close()
    _processes = Processes()


def _check_workers(client: Any, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        raise ArgumentValueError(
            f"scheduler: {address!r} has no workers. Start some with: dask worker {address}"
        ) from None
    own = digest_code()
    for worker, digest in client.run(digest_code, on_error="return").items():
        if digest != own:
            found = f"can't import it ({digest})" if isinstance(digest, Exception) else "has other code"
            raise ArgumentValueError(f"scheduler: the worker {worker} {found}; expected this gradtwin on every worker.")
