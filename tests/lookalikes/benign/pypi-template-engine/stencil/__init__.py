"""Templates compiled to functions."""
import re

__version__ = "1.1.4"
TOKEN = re.compile(r"({{.*?}}|{%.*?%})", re.S)


class Template:
    def __init__(self, text, filename="<template>"):
        self.source = self._translate(text)
        namespace = {}
        exec(compile(self.source, filename, "exec"), namespace)
        self._render = namespace["render"]

    def _translate(self, text):
        lines, depth = ["def render(ctx):", " out = []"], 1
        for part in TOKEN.split(text):
            pad = " " * depth
            if part.startswith("{{"):
                lines.append(f"{pad}out.append(str(eval({part[2:-2].strip()!r}, {{}}, ctx)))")
            elif part.startswith("{%"):
                word = part[2:-2].strip()
                if word.startswith("end"):
                    depth -= 1
                else:
                    lines.append(f"{pad}{word}:")
                    depth += 1
            elif part:
                lines.append(f"{pad}out.append({part!r})")
        return "\n".join([*lines, " return ''.join(out)"])

    def render(self, **ctx):
        return self._render(ctx)
