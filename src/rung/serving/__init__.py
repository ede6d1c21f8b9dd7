"""What was scored answers over HTTP: `rung serve`."""
