"""Where a report's files are written: gradtwin's own way of writing and reading files, under its former name."""

from __future__ import annotations

from gradtwin.files import check_writable, read_arrays, write_whole

__all__ = ["check_writable", "read_arrays", "write_whole"]
