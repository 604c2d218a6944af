"""A LangGraph agent that needs no model key and no network."""
