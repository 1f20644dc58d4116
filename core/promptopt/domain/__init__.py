"""What everything else is made of: tasks, cases, prompts, results, events and settings. No I/O."""
