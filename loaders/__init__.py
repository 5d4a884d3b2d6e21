"""One module a format: file in, claims out; and the pipeline that validates, quarantines and applies them."""
