"""Every door: command line, GraphQL, pages."""
