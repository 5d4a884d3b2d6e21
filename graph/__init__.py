"""The model, identifiers, claims, the store contract with its two stores, and the View."""
