exports.jobs = {}
