"""What serving keeps: deployments, feedback, traces. In the project's folder, or in PostgreSQL."""
