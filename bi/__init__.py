"""What BI tools are given: dashboards as files, and what brings them into Superset."""
