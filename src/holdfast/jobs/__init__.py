"""Six verbs over durable execution: submit, progress, log, cancel, schedule, take over. DBOS stays behind this."""
