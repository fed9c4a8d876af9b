"""Package registries: one small file an ecosystem, one door to the network.

What others ask of it (all through `Registries`, which picks the registry by the purl's type):

    registries = build(Places(...), cache)
    release = await registries.resolve(purl)            # Release: exact version, artifacts, published, metadata
    found = await registries.versions(purl)             # Versions: all of them, and the latest
    about = await registries.metadata(purl)             # dict: summary, home page, source repository, licence, ...
    fetched = await registries.fetch(artifact, folder)  # Fetched(path, size, sha256), digests verified
    advisories = await registries.known_bad(purl)       # OSV's entries; those `.malicious` are known-bad
    await registries.close()

`purl` comes from `Purl.package`; without version `resolve` takes the latest. Errors are typed: PackageNotFound (the
registry says there is none), RegistryUnavailable (down, slow, 5xx, 429), RegistryError (wrong document, digest or size
that does not agree), RegistryTooLarge, RegistryRefused (an address outside what is configured). Nothing of a package is
ever run, and no catalogue is ever downloaded by a request.
"""

from pumpkin.adapters.registries.base import Fetched, Registries, Registry
from pumpkin.adapters.registries.build import Places, build
from pumpkin.adapters.registries.fetch import Cache, Fetcher
from pumpkin.model.documents import Document

__all__ = ["Cache", "Document", "Fetched", "Fetcher", "Places", "Registries", "Registry", "build"]
