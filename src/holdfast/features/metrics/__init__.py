"""What everything costs and how it fares, for Prometheus and for programs."""
