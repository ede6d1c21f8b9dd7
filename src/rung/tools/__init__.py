"""What a model may call: tools by name, and the engine that carries out `CallTool` steps."""

from rung.tools.engine import ToolEngine
from rung.tools.protocol import Tool
from rung.tools.registry import known, open_tools, tools_of

__all__ = ["Tool", "ToolEngine", "known", "open_tools", "tools_of"]
