"""`audit(name, root)`: opens real files and says whether they are what readers take them for."""

from pano_data.audit.report import AuditReport, Check, SplitReport
from pano_data.audit.run import audit
from pano_data.quarantine import Corrupt

__all__ = ["AuditReport", "Check", "Corrupt", "SplitReport", "audit"]
