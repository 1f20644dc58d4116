"""Running a prompt on cases, judging its outputs, and drawing feedback and statistics from that."""
