from .scan import audit

audit()
