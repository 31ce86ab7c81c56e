"""`audit(name, root)`: opens real files and says whether they are what readers take them for."""

from pano_data.audit.checks import Check, SplitReport
from pano_data.audit.run import AuditReport, audit
from pano_data.quarantine import CorruptEntry

__all__ = ["AuditReport", "Check", "CorruptEntry", "SplitReport", "audit"]
