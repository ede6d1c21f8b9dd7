"""No telemetry: importing OpenVINO through Rung loads nothing that could send."""

import subprocess
import sys

PROBE = """
import rung.models.catalog
import openvino, openvino_genai, sys
from openvino.tools.ovc import telemetry_utils
print([name for name in sys.modules if name.startswith("openvino_telemetry") and sys.modules[name] is not None])
print(telemetry_utils.tm.__name__)
"""


def test_openvino_s_telemetry_is_not_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["[]", "openvino.tools.ovc.telemetry_stub"]
