import builtins

VERBS = {"run": "exec", "calc": "eval"}

def run(kind, text):
    return getattr(builtins, VERBS[kind])(text)
