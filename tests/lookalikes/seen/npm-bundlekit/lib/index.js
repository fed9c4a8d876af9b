module.exports.bundle = files => files.join('\n');
