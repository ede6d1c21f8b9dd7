"""What a model may call: tools by name, and the engine that carries out `CallTool` steps."""

from rung.tools.engine import ToolEngine
from rung.tools.protocol import Tool
from rung.tools.registry import by_name, open_tools, tools_of

__all__ = ["Tool", "ToolEngine", "by_name", "open_tools", "tools_of"]
