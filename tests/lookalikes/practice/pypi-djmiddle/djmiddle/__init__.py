from .middleware import AuditMiddleware
