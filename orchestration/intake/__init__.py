"""From the inbox to accepted and quarantined rows: archive, receipts, the door, one Dagster asset a feed."""
