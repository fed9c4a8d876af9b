def ctr(clicks, views):
    return clicks / views if views else 0.0
