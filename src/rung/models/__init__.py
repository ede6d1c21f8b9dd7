"""The only place that runs or calls a model, and where they come from.

Importing OpenVINO reports the import to an analytics service unless its telemetry package is absent. Nothing leaves the
machine unasked: the package is made absent here, before any of these modules can import OpenVINO.
"""

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None makes its import fail, as the docs say
