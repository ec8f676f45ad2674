"""What columns of tables are usually called."""

from __future__ import annotations

from collections.abc import Sequence

#: Role of a column -> names for it in small letters, the most usual first.
USUAL = {
    "file": ("file", "path", "filename", "file_name", "filepath", "file_path"),
    "label": ("label", "class", "target", "y", "category", "diagnosis"),
    "split": ("split", "part", "subset", "partition", "set"),
    "group": ("group", "patient", "patient_id", "subject", "subject_id", "participant_id", "speaker"),
    "id": ("id", "series", "series_id", "case", "case_id", "sample", "sample_id", "patient", "patient_id", "subject"),
    "time": ("time", "t", "timestamp", "datetime", "date", "seconds", "hours", "minutes", "days",
             "second", "hour", "minute", "day"),
}  # fmt: skip


def usual_column(header: Sequence[str], role: str, but: Sequence[str] = ()) -> str | None:
    """The column of a header that has a usual name for a role, in any case; None without one.

    Args:
        header: names of the columns.
        role: one of :data:`USUAL`.
        but: columns that are something else already.

    Example:
        >>> usual_column(["Patient", "Hours", "hr"], "id"), usual_column(["a"], "time")
        ('Patient', None)
    """
    known = {name.strip().lower(): name for name in reversed(header) if name not in but}
    return next((known[name] for name in USUAL[role] if name in known), None)
