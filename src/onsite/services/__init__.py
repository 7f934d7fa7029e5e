"""Real servers for notebooks: `from onsite.services import postgres, valkey`."""
