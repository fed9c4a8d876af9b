def where():
    import site
    return site.getsitepackages()
